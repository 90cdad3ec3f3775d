"""Real proxies before a server: programs with configurations that tests write."""

from __future__ import annotations

from pathlib import Path

from tests.support import Program, find_program, free_port

_NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""


class Nginx(Program):
    """An nginx with what its ``http`` block is to hold; ``PORT`` there is its own.

    :param folder: for its files
    """

    def __init__(self, folder: Path, http: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        path = folder / "nginx.conf"
        http = http.replace("PORT", str(self.port))
        path.write_text(_NGINX.format(folder=folder, http=http), encoding="utf-8")
        program = find_program("nginx", "/usr/sbin/nginx")
        super().__init__([program, "-p", folder, "-c", path], name="nginx")


class HaProxy(Program):
    """A HAProxy; ``PORT`` in its configuration is its own."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        path = folder / "haproxy.cfg"
        path.write_text(configuration.replace("PORT", str(self.port)), encoding="utf-8")
        program = find_program("haproxy", "/usr/sbin/haproxy")
        super().__init__([program, "-db", "-f", path], name="haproxy")

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyramid_sio.plugin import client_files
from pyramid_sio.plugin.client_files import LEGACY_NAMES, NAMES, client_version
from pyramid_sio.plugin.converters import flash_folder
from tests.plugin.conftest import NewSite, Site
from tests.support import ROOT

VERSION = "4.99.1"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A client whose files are known; empty them and there is none."""
    found = {name: f"contents of {name} ü ".encode() * 50 for name in NAMES | LEGACY_NAMES}
    found["VERSION"] = f"{VERSION}\n".encode()
    found["VERSION-0.9"] = b"0.9.99\n"
    monkeypatch.setattr(client_files, "_load", found.get)
    client_version.cache_clear()
    yield found
    client_version.cache_clear()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_file(site: Site, files: dict[str, bytes], name: str) -> None:
    response = site.web.get(f"/socket.io/{name}")
    kind = "json" if name.endswith(".map") else "javascript"
    assert response.headers["Content-Type"] == f"application/{kind}; charset=utf-8"
    assert response.headers["ETag"] == f'"{VERSION}"'
    assert response.headers["Cache-Control"] == "public, max-age=0"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.body == files[name]


@pytest.mark.parametrize("tag", [f'"{VERSION}"', f'W/"{VERSION}"', f'"x", "{VERSION}"'])
def test_not_sent_again(site: Site, files: dict[str, bytes], tag: str) -> None:
    response = site.web.get("/socket.io/socket.io.js", headers={"If-None-Match": tag}, status=304)
    assert response.body == b""
    assert response.headers["ETag"] == f'"{VERSION}"'


def test_sent_again_after_an_update(site: Site, files: dict[str, bytes]) -> None:
    site.web.get("/socket.io/socket.io.js", headers={"If-None-Match": '"4.0.0"'}, status=200)


def test_kept_for_ever_by_whom_names_the_version(site: Site, files: dict[str, bytes]) -> None:
    response = site.web.get(f"/socket.io/socket.io.js?v={VERSION}")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


class TestEncoding:
    @pytest.fixture
    def path(self) -> str:
        return "/socket.io/socket.io.min.js"

    @pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.5", "deflate, gzip", "*"])
    def test_compressed(self, site: Site, files: dict[str, bytes], path: str, accept: str) -> None:
        site.path = path
        response = site.raw(headers={"Accept-Encoding": accept})
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.body) == files["socket.io.min.js"]

    @pytest.mark.parametrize("accept", [None, "", "identity", "br", "gzip;q=0"])
    def test_as_it_is(
        self, site: Site, files: dict[str, bytes], path: str, accept: str | None
    ) -> None:
        site.path = path
        headers = {} if accept is None else {"Accept-Encoding": accept}
        response = site.raw(headers=headers)
        assert "Content-Encoding" not in response.headers
        assert response.body == files["socket.io.min.js"]


@pytest.mark.parametrize("name", ["VERSION", "LICENSE", "socket.io.js.bak", "x/socket.io.js", ""])
def test_nothing_else(site: Site, files: dict[str, bytes], name: str) -> None:
    response = site.web.get(f"/socket.io/{name}", expect_errors=True)
    assert response.json == {"code": 0, "message": "Transport unknown"}


def test_turned_off(new_site: NewSite, files: dict[str, bytes]) -> None:
    site = new_site(serve_client="false")
    assert site.web.get("/socket.io/socket.io.js", status=400).json["code"] == 0


def test_a_copy_without_the_client_says_how_to_get_it(site: Site, files: dict[str, bytes]) -> None:
    files.clear()
    response = site.web.get("/socket.io/socket.io.js", status=404)
    assert response.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert "make demo" in response.text
    assert client_version() is None


def test_what_is_on_the_disk() -> None:
    """The real folder: each file is there or none is, and maps are JSON."""
    client_version.cache_clear()
    found = {name: client_files._load(name) for name in NAMES}
    assert len({body is None for body in found.values()}) == 1
    assert (client_version() is None) == (None in found.values())
    for name, body in found.items():
        if body is not None and name.endswith(".map"):
            assert json.loads(body)["version"] == 3


class TestLegacyClient:
    @pytest.mark.parametrize("name", sorted(LEGACY_NAMES))
    def test_served_with_its_own_version(
        self, new_site: NewSite, files: dict[str, bytes], name: str
    ) -> None:
        response = new_site(legacy="true").web.get(f"/socket.io/{name}")
        assert response.headers["Content-Type"] == "application/javascript; charset=utf-8"
        assert response.headers["ETag"] == '"0.9.99"'
        assert response.body == files[name]

    @pytest.mark.parametrize("name", sorted(LEGACY_NAMES))
    @pytest.mark.parametrize("sio", [{}, {"legacy": "true", "serve_client": "false"}])
    def test_not_served(
        self, new_site: NewSite, files: dict[str, bytes], name: str, sio: dict[str, str]
    ) -> None:
        new_site(**sio).web.get(f"/socket.io/{name}", status=400)

    def test_under_the_name_of_today(self, new_site: NewSite, files: dict[str, bytes]) -> None:
        site = new_site(legacy="true", legacy_client="true")
        response = site.web.get("/socket.io/socket.io.js")
        assert response.headers["ETag"] == '"0.9.99"'
        assert response.body == files["socket.io-0.9.js"]
        assert site.web.get("/socket.io/socket.io.min.js").body == files["socket.io.min.js"]
        site.web.get("/socket.io/socket.io.js.map", status=400)

    def test_not_where_it_is_not_served(self, new_site: NewSite, files: dict[str, bytes]) -> None:
        response = new_site(legacy_client="true").web.get("/socket.io/socket.io.js")
        assert response.body == files["socket.io.js"]


class TestFlash:
    MAIN = "/socket.io/static/flashsocket/WebSocketMain.swf"
    FOREIGN = "/socket.io/static/flashsocket/WebSocketMainInsecure.swf"
    FOLDER = ROOT / "node_modules" / "socket.io-client-0.9" / "dist"

    def test_what_the_old_client_asks_for(self, new_site: NewSite) -> None:
        script = (self.FOLDER / "socket.io.js").read_text(encoding="utf-8")
        assert "'static/flashsocket'" in script
        assert "'WebSocketMain' + (socket.isXDomain() ? 'Insecure' : '') + '.swf'" in script

        site = new_site(legacy="true", flash_swf=str(self.FOLDER), cors_origins="http://a.example")
        for path in (self.MAIN, self.FOREIGN):
            answer = site.web.get(path)
            assert answer.headers["Content-Type"] == "application/x-shockwave-flash"
            assert answer.body == (self.FOLDER / path.rpartition("/")[2]).read_bytes()
            again = {"If-None-Match": answer.headers["ETag"]}
            assert site.web.get(path, headers=again, status=304).body == b""

    def test_pages_of_others_get_none_that_may_not_connect(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", flash_swf=str(self.FOLDER))
        site.web.get(self.MAIN, status=200)
        site.web.get(self.FOREIGN, status=400)

    @pytest.mark.parametrize(
        "sio", [{}, {"legacy": "true"}, {"flash_swf": str(FOLDER)}, {"serve_client": "false"}]
    )
    def test_not_served(self, new_site: NewSite, sio: dict[str, str]) -> None:
        new_site(**sio).web.get(self.MAIN, status=400)

    def test_file_that_has_gone(self, new_site: NewSite, tmp_path: Path) -> None:
        (tmp_path / "WebSocketMain.swf").write_bytes(b"CWS")
        site = new_site(legacy="true", flash_swf=str(tmp_path))
        (tmp_path / "WebSocketMain.swf").unlink()
        assert site.web.get(self.MAIN, status=404).text == "WebSocketMain.swf is not there"

    def test_folder_without_it(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"must be a folder that holds WebSocketMain\.swf"):
            flash_folder(tmp_path)
        assert flash_folder("") is None

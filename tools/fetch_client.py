"""Bring the official browser clients into the package, in the versions the lock file names.

Usage: ``python tools/fetch_client.py``. Quick when it is there already. ``make`` and the
building of a wheel or an sdist call this; the server serves what it leaves in
``pyramid_sio/client``. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "pyramid_sio" / "client"
BUNDLES = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
SCRIPTS = BUNDLES + tuple(f"{name}.map" for name in BUNDLES)


class Client(NamedTuple):
    """One client.

    :param package: its name in the lock file
    :param files: what is copied: from where in the package, to which name. Licences ask to stay
        with the code
    :param version: the file that says its version; written last, it says that all is there
    """

    package: str
    files: dict[str, str]
    version: str

    def locked(self) -> str:
        """The version that ``package-lock.json`` names."""
        lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
        return str(lock["packages"][f"node_modules/{self.package}"]["version"])

    def is_complete(self) -> bool:
        """Whether ``pyramid_sio/client`` holds every file of that version."""
        if not all((CLIENT / name).is_file() for name in (*self.files.values(), self.version)):
            return False
        return (CLIENT / self.version).read_text(encoding="utf-8").strip() == self.locked()

    def copy(self, modules: Path) -> None:
        """Copy its files into the package, from where npm has installed it."""
        CLIENT.mkdir(exist_ok=True)
        (CLIENT / self.version).unlink(missing_ok=True)
        for source, name in self.files.items():
            shutil.copyfile(modules / self.package / source, CLIENT / name)
        (CLIENT / self.version).write_text(f"{self.locked()}\n", encoding="utf-8")


CLIENTS = (
    Client(
        "socket.io-client",
        {"LICENSE": "LICENSE", **{f"dist/{name}": name for name in SCRIPTS}},
        "VERSION",
    ),
    # For pages of that time. Its licence stands in its README.
    Client(
        "socket.io-client-0.9",
        {
            "README.md": "README-0.9.md",
            "dist/socket.io.js": "socket.io-0.9.js",
            "dist/socket.io.min.js": "socket.io-0.9.min.js",
        },
        "VERSION-0.9",
    ),
)


def install(npm: str, where: Path) -> Path:
    """Install what the lock file names into ``where``; the folder of its packages.

    Not into the checkout: its own ``node_modules`` also holds what the tests need.
    """
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, where)
    flags = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([npm, "ci", *flags], cwd=where, check=True, stdout=subprocess.DEVNULL)
    return where / "node_modules"


def main() -> int | str:
    """Fetch if something is missing; the exit status, or what stopped it."""
    missing = [client for client in CLIENTS if not client.is_complete()]
    if not missing:
        return 0
    names = " and ".join(f"{client.package} {client.locked()}" for client in missing)
    npm = shutil.which("npm")
    if npm is None:
        return (
            f"{CLIENT.relative_to(ROOT)} lacks {names}, and npm is not there to fetch it: "
            "install Node.js with npm and try again"
        )
    with tempfile.TemporaryDirectory() as where:
        try:
            modules = install(npm, Path(where))
        except subprocess.CalledProcessError as error:
            return f"npm could not install {names} (exit status {error.returncode})"
        for client in missing:
            client.copy(modules)
    print(f"{names}: in {CLIENT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

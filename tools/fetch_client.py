"""Bring the official browser client into the package, in the version that the lock file names.

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

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "pyramid_sio" / "client"
PACKAGE = "socket.io-client"
BUNDLES = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
SCRIPTS = BUNDLES + tuple(f"{name}.map" for name in BUNDLES)
#: The licence asks to stay with the code; the version is written last and says that all is there.
LICENCE, VERSION = "LICENSE", "VERSION"


def locked_version() -> str:
    """The version of the client that ``package-lock.json`` names."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{PACKAGE}"]["version"])


def is_complete(version: str) -> bool:
    """Whether ``pyramid_sio/client`` holds every file of this version."""
    if not all((CLIENT / name).is_file() for name in (*SCRIPTS, LICENCE, VERSION)):
        return False
    return (CLIENT / VERSION).read_text(encoding="utf-8").strip() == version


def install(npm: str, where: Path) -> Path:
    """Install what the lock file names into ``where``; the folder of the client.

    Not into the checkout: its own ``node_modules`` also holds what the tests need.
    """
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, where)
    flags = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([npm, "ci", *flags], cwd=where, check=True, stdout=subprocess.DEVNULL)
    return where / "node_modules" / PACKAGE


def copy(source: Path, version: str) -> None:
    """Copy the client's files into the package."""
    CLIENT.mkdir(exist_ok=True)
    (CLIENT / VERSION).unlink(missing_ok=True)
    for name in SCRIPTS:
        shutil.copyfile(source / "dist" / name, CLIENT / name)
    shutil.copyfile(source / LICENCE, CLIENT / LICENCE)
    (CLIENT / VERSION).write_text(f"{version}\n", encoding="utf-8")


def main() -> int | str:
    """Fetch if something is missing; the exit status, or what stopped it."""
    version = locked_version()
    if is_complete(version):
        return 0
    npm = shutil.which("npm")
    if npm is None:
        return (
            f"{CLIENT.relative_to(ROOT)} lacks {PACKAGE} {version}, and npm is not there to "
            "fetch it: install Node.js with npm and try again"
        )
    with tempfile.TemporaryDirectory() as where:
        try:
            copy(install(npm, Path(where)), version)
        except subprocess.CalledProcessError as error:
            return f"npm could not install {PACKAGE} {version} (exit status {error.returncode})"
    print(f"{PACKAGE} {version} is in {CLIENT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a build does beyond setup.cfg: it puts the official browser client into the package."""

import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist


def fetch_client() -> None:
    """Fill ``pyramid_sio/client``, or end the build with what is missing as its message."""
    try:
        subprocess.run([sys.executable, "tools/fetch_client.py"], check=True)
    except subprocess.CalledProcessError:
        raise SystemExit("no build without the browser client, see above") from None


class BuildWithClient(build_py):
    def run(self) -> None:
        # An editable install serves the checkout, and gets along without npm.
        if not self.editable_mode:
            fetch_client()
        super().run()


class SdistWithClient(sdist):
    def run(self) -> None:
        fetch_client()
        super().run()


setup(cmdclass={"build_py": BuildWithClient, "sdist": SdistWithClient})

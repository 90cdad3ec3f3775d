"""A certificate for tests over TLS."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from tests.support import PATIENCE, find_program


class Certificate:
    """A certificate for 127.0.0.1 that is its own authority."""

    def __init__(self, directory: Path) -> None:
        self.certfile, self.keyfile = directory / "cert.pem", directory / "key.pem"
        command = [find_program("openssl"), "req", "-x509", "-nodes", "-days", "2"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-subj", "/CN=test"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(self.keyfile), "-out", str(self.certfile)]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        self.pem = self.certfile.read_text()

    def context(self) -> ssl.SSLContext:
        """For a client that trusts nothing else."""
        return ssl.create_default_context(cadata=self.pem)

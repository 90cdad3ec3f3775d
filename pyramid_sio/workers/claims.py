"""Names that only one of all workers gets: whoever claims one first.

Upstream: ``plugin.tickets``. Downstream: a folder that all workers of one server have.

A claim is an empty file, which the system makes for one of them only. That takes microseconds,
where to ask another process would take a turn of two loops, and the answer could be missing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from pathlib import Path

from pyramid_sio.errors import AdapterError

_SECRET = "secret"
_SECRET_BYTES = 32


class FolderClaims:
    """Claims in a folder, made if there is none.

    :param lifetime: seconds that each lasts
    """

    def __init__(self, folder: Path, lifetime: float) -> None:
        self._folder = folder
        self._lifetime = lifetime
        self._next_look = 0.0

    def claim(self, name: str) -> bool:
        """Was nobody faster? Any thread may call.

        :param name: what a file may be called
        :raises AdapterError: nothing can be kept in the folder
        """
        try:
            self._forget(time.time())
            os.close(os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        except OSError as exc:
            raise AdapterError(f"cannot write to {self._folder}: {exc}") from exc
        return True

    def _forget(self, now: float) -> None:
        """Now and then: remove what has lasted long enough, whichever worker has left it."""
        if now < self._next_look:
            return
        self._next_look = now + max(self._lifetime, 1.0)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for path in self._folder.iterdir():
            # Another worker may be looking, too.
            with contextlib.suppress(FileNotFoundError):
                # What files of this system are dated by may be a little behind the clock.
                if path.name != _SECRET and path.stat().st_mtime + self._lifetime + 1 < now:
                    path.unlink()

    def secret(self) -> bytes:
        """Random bytes, the same for all who have this folder; made by the first who asks."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        target = self._folder / _SECRET
        with tempfile.NamedTemporaryFile(dir=self._folder.parent, prefix="secret-") as made:
            made.write(secrets.token_bytes(_SECRET_BYTES))
            made.flush()
            try:
                # It has its name only when it is complete.
                os.link(made.name, target)
            except FileExistsError:
                return target.read_bytes()
        return target.read_bytes()

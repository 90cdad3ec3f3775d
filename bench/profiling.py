"""Where a Python server spends its time, sampled by py-spy.

Upstream: ``run --profile``. The samples slow the server: figures of such a run are no figures.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from prepare import BUILD, CannotRun

RATE = 250
SHOWN = 20
#: py-spy takes a thread that waits for a lock for one that works.
WAITING = ";PyThread_acquire_lock_timed "
#: py-spy writes what it has when it is interrupted.
WRITE_LIMIT = 30.0


@contextlib.contextmanager
def profiled(pid: int, name: str) -> Iterator[Path]:
    """Sample a process until the block ends; the path of its collapsed stacks, one a line."""
    beside = Path(sys.executable).parent / "py-spy"
    sampler = str(beside) if beside.exists() else shutil.which("py-spy")
    if sampler is None:
        raise CannotRun("py-spy is missing: pip install py-spy")
    BUILD.mkdir(exist_ok=True)
    path = BUILD / f"profile-{name}.txt"
    options = [
        "--rate",
        str(RATE),
        "--format",
        "raw",
        "--nolineno",
        "--native",
        "--output",
        str(path),
    ]
    with subprocess.Popen(
        [sampler, "record", "--pid", str(pid), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield path
        finally:
            process.send_signal(2)
            process.wait(WRITE_LIMIT)


def hottest(path: Path) -> str:
    """The functions the samples were in, and the functions they were under, by share."""
    own: Counter[str] = Counter()
    under: Counter[str] = Counter()
    total = 0
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if WAITING in stack:
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            under[frame] += int(count)
        total += int(count)
    lines = ["   own  with callees"]
    for frame, count in own.most_common(SHOWN):
        lines.append(f"{count / total:6.1%} {under[frame] / total:13.1%}  {frame}")
    return "\n".join(lines)

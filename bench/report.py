"""The table of medians and ratios, as Markdown.

Upstream: ``run``, which prints it and writes it to a file.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from measurements import MEASUREMENTS, Measurement
from servers import SERVERS

HERE = Path(__file__).resolve().parent

#: The figures of all rounds, in order, by names of measurement and server.
Figures = Mapping[tuple[str, str], Sequence[float]]


def table(figures: Figures) -> str:
    """Medians, and ours as a multiple of each peer's beside what is wanted."""
    rows: list[Sequence[str]] = [
        (
            "",
            *(server.title for server in SERVERS.values()),
            "ours / Node",
            "wanted",
            "ours / python-socketio",
            "wanted",
        )
    ]
    for measurement in _measured(figures):
        medians = [_median(figures, measurement, name) for name in SERVERS]
        ours, node, python = medians
        rows.append(
            (
                measurement.title,
                *(_figure(median) for median in medians),
                *_ratio(measurement, ours, node, measurement.node),
                *_ratio(measurement, ours, python, measurement.python),
            )
        )
    return _markdown(rows)


def spread(figures: Figures) -> str:
    """The lowest and the highest figure of each row."""
    rows: list[Sequence[str]] = [("", *(server.title for server in SERVERS.values()))]
    for measurement in _measured(figures):
        several = [figures.get((measurement.name, name)) for name in SERVERS]
        rows.append(
            (measurement.title, *(f"{min(s):,.0f} - {max(s):,.0f}" if s else "" for s in several))
        )
    return _markdown(rows)


def short_of(figures: Figures) -> list[str]:
    """The titles of rows that miss what is wanted of them."""
    missed = []
    for measurement in _measured(figures):
        ours = _median(figures, measurement, "ours")
        for name, wanted in (("node", measurement.node), ("python", measurement.python)):
            peer = _median(figures, measurement, name)
            if wanted is None or ours is None or not peer:
                continue
            if not _reached(measurement, ours / peer, wanted):
                said = f"{ours / peer:.2f} x {SERVERS[name].title}, wanted {wanted:g}"
                missed.append(f"{measurement.title}: {said}")
    return missed


def document(figures: Figures, *, conditions: str) -> str:
    """The whole of ``results.md``.

    :param conditions: a paragraph that says how it was measured
    """
    missed = short_of(figures) or ["nothing"]
    return f"""# Benchmark results

{date.today().isoformat()}, {_processor()}, {platform.system()} {platform.machine()}.
{_versions()}.

{conditions}
Absolute figures drift with the machine; the ratios of medians are what to compare.
`make bench` writes this file.

## Medians

{table(figures)}

Short of what is wanted: {"; ".join(missed)}.

## Lowest and highest round

{spread(figures)}
"""


def _measured(figures: Figures) -> Iterable[Measurement]:
    names = {name for name, _ in figures}
    return [measurement for name, measurement in MEASUREMENTS.items() if name in names]


def _median(figures: Figures, measurement: Measurement, server: str) -> float | None:
    several = figures.get((measurement.name, server))
    return statistics.median(several) if several else None


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _ratio(
    measurement: Measurement, ours: float | None, peer: float | None, wanted: float | None
) -> tuple[str, str]:
    goal = "" if wanted is None else f"{'<=' if measurement.less_is_better else '>='} {wanted:g}"
    if ours is None or not peer:
        return "", goal
    shown = f"{ours / peer:.2f}"
    return (
        shown if wanted is None or _reached(measurement, ours / peer, wanted) else f"**{shown}**"
    ), goal


def _reached(measurement: Measurement, ratio: float, wanted: float) -> bool:
    return ratio <= wanted if measurement.less_is_better else ratio >= wanted


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for number, row in enumerate(rows):
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
        if number == 0:
            rules = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            lines.append(f"| {' | '.join(rules)} |")
    return "\n".join(lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> str:
    lock = json.loads((HERE / "package-lock.json").read_text())["packages"]
    node = (
        subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        .stdout.strip()
        .lstrip("v")
    )
    found = [
        ("Python", platform.python_version()),
        *(
            (name, importlib.metadata.version(name))
            for name in ("gevent", "pyramid", "python-socketio")
        ),
        ("Node.js", node),
        *((name, lock[f"node_modules/{name}"]["version"]) for name in ("socket.io", "ws")),
    ]
    return ", ".join(f"{name} {version}" for name, version in found)

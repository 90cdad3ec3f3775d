"""Measure pyramid_sio against Node's socket.io and python-socketio on this machine.

``make bench`` runs it whole. One figure, quickly:

    python bench/run.py --only echo1 --servers ours,node --rounds 1 --seconds 2

The figures of a whole run go to ``bench/results.md``; those of a partial run are printed only.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import report
from measurements import MEASUREMENTS, Outcome, RunRefused, measure
from prepare import CannotRun, prepare_generator, prepare_node, prepare_python
from profiling import hottest, profiled
from servers import SERVERS, ServerFailed, core_seconds, cores, running

RESULTS = Path(__file__).resolve().parent / "results.md"
#: A load generator busier than this share of its core may be what was measured.
TOO_BUSY = 0.95
#: Beyond this share of a core, what else runs on this machine spoils the figure.
DISTURBED = 0.1
#: How long the machine must have been quiet before a measurement, in seconds.
QUIET_TIME = 1.0
#: Of fewer rounds there is no median worth writing down.
LEAST_ROUNDS = 3


def main(argv: list[str]) -> int:
    """Run what ``argv`` asks for; 0, or 1 if a run was refused, or 2 if something is missing."""
    options = _parse(argv)
    try:
        generator = prepare_generator()
        if "node" in options.servers:
            prepare_node()
        if "python" in options.servers:
            prepare_python()
        tally = _rounds(options, generator)
    except CannotRun as reason:
        print(reason, file=sys.stderr)
        return 2
    print(f"\n{report.table(tally.figures)}\n")
    for row in report.short_of(tally.figures):
        print(f"short: {row}")
    if tally.disturbed:
        print(f"{tally.disturbed} figures were taken while something else used the same cores")
    if tally.refused:
        print(f"{tally.refused} runs were refused for errors; nothing is written", file=sys.stderr)
        return 1
    if _is_whole(options):
        RESULTS.write_text(report.document(tally.figures, conditions=_conditions(options, tally)))
        print(f"written to {RESULTS.parent.name}/{RESULTS.name}")
    return 0


def _is_whole(options: argparse.Namespace) -> bool:
    everything = set(options.only) == set(MEASUREMENTS) and set(options.servers) == set(SERVERS)
    return everything and options.rounds >= LEAST_ROUNDS and not options.profile


def _conditions(options: argparse.Namespace, tally: Tally) -> str:
    server_core, load_core = cores()
    apart = "on one core each" if server_core != load_core else "on the same core"
    undisturbed = (
        "Nothing else used"
        if not tally.disturbed
        else (f"While {tally.disturbed} of the figures were taken, something else used")
    )
    return f"""\
Server and load generator ran {apart}, over loopback; {options.rounds} rounds of
{options.seconds:g} s a measurement, the servers in turn, each started afresh for each measurement.
{undisturbed} more than {DISTURBED:.0%} of these cores."""


class Tally(NamedTuple):
    """All figures, and how many runs were refused for errors or kept although disturbed."""

    figures: report.Figures
    refused: int
    disturbed: int


def _rounds(options: argparse.Namespace, generator: Path) -> Tally:
    """Measure everything, as often as asked."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    refused = disturbed = 0
    quiet = Quiet(options.patience)
    for number in range(options.rounds):
        # Nobody is always first, or always the one who finds the machine warm.
        turn = number % len(options.servers)
        for name in options.only:
            for server in options.servers[turn:] + options.servers[:turn]:
                if server in MEASUREMENTS[name].without:
                    continue
                print(f"{number + 1}/{options.rounds} {name:8} {server:7} ", end="", flush=True)
                try:
                    outcome = _undisturbed(name, server, options, generator, quiet)
                except (RunRefused, ServerFailed) as reason:
                    print(f"REFUSED\n{reason}")
                    refused += 1
                    continue
                figures[name, server].append(outcome.figure)
                disturbed += outcome.others_busy > DISTURBED
    return Tally(figures, refused, disturbed)


class Quiet:
    """Waits until nothing else uses the cores.

    :param patience: how long all waiting and measuring again may take together, in seconds
    """

    def __init__(self, patience: float) -> None:
        self.left = patience

    def wait(self) -> None:
        """Return at a quiet moment, or when patience has ended."""
        both = set(cores())
        while self.left > 0:
            before = {core: core_seconds(core) for core in both}
            time.sleep(QUIET_TIME)
            if all(core_seconds(core) - before[core] <= DISTURBED * QUIET_TIME for core in both):
                return
            self.left -= QUIET_TIME


def _undisturbed(
    name: str, server: str, options: argparse.Namespace, generator: Path, quiet: Quiet
) -> Outcome:
    """Measure, again and again while something else uses the cores; the figure decides nothing."""
    while True:
        quiet.wait()
        started = time.monotonic()
        outcome = _once(name, server, options, generator)
        again = quiet.left > 0 and outcome.others_busy > DISTURBED
        print(_shown(outcome) + (", again" if again else ""))
        if not again:
            return outcome
        quiet.left -= time.monotonic() - started
        print(" " * 21, end="", flush=True)


def _once(name: str, server: str, options: argparse.Namespace, generator: Path) -> Outcome:
    """One measurement of one server, and its profile when asked for."""
    both = cores()
    with running(SERVERS[server], both[0]) as up, contextlib.ExitStack() as stack:
        sample = options.profile and server != "node"
        path = stack.enter_context(profiled(up.pid, f"{name}-{server}")) if sample else None
        outcome = measure(
            MEASUREMENTS[name], up, generator=generator, cores=both, seconds=options.seconds
        )
        stack.close()
        if path:
            print(f"\n{hottest(path)}")
    return outcome


def _shown(outcome: Outcome) -> str:
    shown = f"{outcome.figure:11,.0f}"
    if outcome.server_busy:
        rate = outcome.figure / outcome.server_busy
        shown += f"  {rate:9,.0f} per busy second; server {outcome.server_busy:4.0%}"
        shown += f", load {outcome.load_busy:4.0%}, others {outcome.others_busy:4.0%} of a core"
    if outcome.load_busy > TOO_BUSY:
        shown += "; THE LOAD GENERATOR WAS THE LIMIT"
    if outcome.others_busy > DISTURBED:
        shown += "; DISTURBED"
    return shown


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often everything is measured (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=4, help="how long each time (%(default)s)")
    parser.add_argument(
        "--patience",
        type=float,
        default=300,
        metavar="SECONDS",
        help="how long to wait for a quiet machine, in the whole run (%(default)s)",
    )
    for option, known in (("--only", MEASUREMENTS), ("--servers", SERVERS)):
        parser.add_argument(
            option,
            type=_names(known),
            default=list(known),
            metavar="A,B,...",
            help=", ".join(known),
        )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="sample the Python servers with py-spy: where time goes",
    )
    options = parser.parse_args(argv)
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("there must be a round, and it must take some time")
    return options


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    # Without this the server that is running would stay behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))

"""``psio``: ask a configured application about its Socket.IO.

Upstream: the console script. Downstream: one function for each command, in a table.

A command gets the application that an ini file describes; nothing is served. One that stands
alone gets none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyramid.paster import bootstrap, setup_logging

from pyramid_sio.scripts import describe, doctor, emit, shell

Out = Callable[[str], None]


class Alone(NamedTuple):
    """One ``psio <name>`` that needs no application.

    :param run: called with the parsed arguments and what prints; returns the exit status
    :param options: adds its own options to a parser
    """

    help: str
    run: Callable[[argparse.Namespace, Out], int]
    options: Callable[[argparse.ArgumentParser], None]


class Command(NamedTuple):
    """One ``psio <name>`` about an application.

    :param run: called with pyramid's environment, the parsed arguments and what prints;
        returns the exit status
    :param options: adds its own options to a parser
    """

    help: str
    run: Callable[[dict[str, Any], argparse.Namespace, Out], int]
    options: Callable[[argparse.ArgumentParser], None] = lambda parser: None


COMMANDS: dict[str, Command | Alone] = {
    "asyncapi": Command(
        "an AsyncAPI 3.0 document of all events, as JSON",
        describe.asyncapi,
        describe.add_asyncapi_options,
    ),
    "doctor": Alone(doctor.HELP, doctor.run, doctor.add_options),
    "emit": Alone(emit.HELP, emit.run, emit.add_options),
    "routes": Command("namespaces, events, permissions, and where they are", describe.routes),
    "shell": Command(shell.HELP, shell.run),
    "typescript": Command(
        "the types of all events for the JavaScript client",
        describe.typescript,
        describe.add_output_option,
    ),
}


class PSioCommand:
    """One call of the script.

    :param argv: as ``sys.argv``
    :param quiet: print nothing
    """

    #: Replaced by tests.
    bootstrap = staticmethod(bootstrap)
    setup_logging = staticmethod(setup_logging)

    parser = argparse.ArgumentParser(
        prog="psio", description="Ask a Pyramid application about its Socket.IO."
    )
    _commands = parser.add_subparsers(metavar="command", required=True)
    for _name, _command in COMMANDS.items():
        _parser = _commands.add_parser(_name, help=_command.help, description=_command.help)
        if isinstance(_command, Command):
            _parser.add_argument("config_uri", help="the ini file, as in development.ini#main")
            _parser.add_argument("config_vars", nargs="*", help="key=value for the ini file")
        _parser.set_defaults(command=_command)
        _command.options(_parser)

    def __init__(self, argv: Sequence[str], quiet: bool = False) -> None:
        self.args = self.parser.parse_args(argv[1:])
        self.quiet = quiet

    def run(self) -> int:
        """Do it; the exit status."""
        command: Command | Alone = self.args.command
        if isinstance(command, Alone):
            return command.run(self.args, self.out)
        path = self.args.config_uri.partition("#")[0]
        if ":" not in path and not Path(path).is_file():
            self.parser.error(f"there is no file {path}")
        variables = dict(item.partition("=")[::2] for item in self.args.config_vars)
        self.setup_logging(self.args.config_uri, global_conf=variables)
        env = self.bootstrap(self.args.config_uri, options=variables)
        try:
            return command.run(env, self.args, self.out)
        except describe.CannotDescribe as exc:
            print(f"psio: {exc}", file=sys.stderr)
            return 1
        finally:
            env["closer"]()

    def out(self, text: str) -> None:
        """Print, unless told not to."""
        if not self.quiet:
            print(text)


def main(argv: Sequence[str] = sys.argv, quiet: bool = False) -> int:
    """For the console script."""
    return PSioCommand(argv, quiet).run()

"""Index the events of a bag, or choose the limits with which events start and end."""

from __future__ import annotations

from har_ros.commands.shared import events_index, events_tune
from har_ros.commands.shared.parser import Parser

COMMANDS = {
    "index": (events_index, "write a bag of the events in another, which plays beside it"),
    "tune": (events_tune, "choose limits that serve a wish, and say what they cost"),
}


def run(arguments: list[str]) -> int:
    """`actionnet events`. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet events", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (module, text) in COMMANDS.items():
        module.add_options(commands.add_parser(name, help=text))
    options = parser.parse_args(arguments)
    return int(COMMANDS[options.command][0].run(options))

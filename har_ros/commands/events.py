"""Choose the limits of events, with which they start and end."""

from __future__ import annotations

import argparse

from har_ros.commands.shared import events_tune


def run(arguments: list[str]) -> int:
    """`actionnet events`. Returns the exit status. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet events", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    events_tune.add_options(commands.add_parser("tune", help="choose limits that serve a wish, and say what they cost"))
    return events_tune.run(parser.parse_args(arguments))

"""The parser of a command line, which says in one sentence what is wrong with it."""

from __future__ import annotations

import argparse
import difflib
from typing import Any, NoReturn

UNRECOGNIZED = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """Points to --help instead of showing the usage, and names the option that was probably meant."""

    reading: Parser
    """Which reads its part of the command line: the last one is that of the subcommand, if there is one."""

    def parse_known_args(self, *arguments: Any, **named: Any) -> Any:
        """See ArgumentParser."""
        Parser.reading = self
        return super().parse_known_args(*arguments, **named)

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        unknown = next((word for word in message.removeprefix(UNRECOGNIZED).split() if word.startswith("--")), "")
        name = unknown.partition("=")[0]
        program = self.reading.prog  # a subcommand's leaves it to this one to refuse what it does not know
        known = [option for option in self.reading._option_string_actions if option != "--help"]
        if message.startswith(UNRECOGNIZED) and (similar := difflib.get_close_matches(name, known, 1)):
            self.exit(2, f"{program}: {name} is unknown; did you mean {similar[0]}?\n")
        self.exit(2, f"{program}: {message}; see {program} --help\n")

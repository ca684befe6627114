"""The parser of a command line, which says in one sentence what is wrong with it."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn

UNRECOGNIZED = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """Points to --help instead of showing the usage, and names the option that was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        unknown = next((word for word in message.removeprefix(UNRECOGNIZED).split() if word.startswith("--")), "")
        name = unknown.partition("=")[0]
        if message.startswith(UNRECOGNIZED) and (similar := difflib.get_close_matches(name, self._all_options(), 1)):
            self.exit(2, f"{self.prog}: {name} is unknown; did you mean {similar[0]}?\n")
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def _all_options(self) -> list[str]:
        """Return the options, also those of its subcommands, which leave it to this parser to refuse others."""
        parsers = [self]
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
        return [option for parser in parsers for option in parser._option_string_actions if option != "--help"]

"""Texts of others on a terminal: neither rich nor the terminal takes them for commands."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from har_ros.files.text import CONTROL_CHARACTER

_PLAIN: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "soft_wrap": True}
"""How rich prints a sentence as it is."""


def cell(text: str) -> Text:
    """Return a text of others as a table shows it: as it is, but for what a terminal obeys."""
    return Text(harmless(text))


def harmless(text: str) -> str:
    """Return the text without what a terminal obeys."""
    return CONTROL_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text)


def say(console: Console, text: str) -> None:
    """Print a sentence as it is, but for what a terminal obeys."""
    console.print(harmless(text), **_PLAIN)

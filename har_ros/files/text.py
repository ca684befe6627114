"""Text of users: files in UTF-8 of a bounded size, and names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from har_ros.errors import ConfigurationError

LARGEST_TEXT = 20_000_000
"""Characters of a card, of labels, of segments."""
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Which a terminal obeys."""


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text without byte order mark. Raises ConfigurationError, also beyond LARGEST_TEXT."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path} ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; save it as such") from None
    except ValueError as error:  # a null byte in the name
        raise ConfigurationError(f"cannot read {str(path)!r} ({error}); check the path") from None
    if len(text) > LARGEST_TEXT:
        raise ConfigurationError(f"{path} has more than {LARGEST_TEXT} characters; divide it into several files")
    return text


def natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def similar(name: str, names: Iterable[str]) -> str:
    """Return up to three names like this one, or of which one begins the other, as the end of a sentence; else ""."""
    name, known = name.casefold(), {one.casefold(): one for one in names}
    close = difflib.get_close_matches(name, known, cutoff=0.7)
    close = close or [one for one in known if min(len(one), len(name)) > 2 and one[: len(name)] == name[: len(one)]]
    return f" (similar: {', '.join(repr(known[one]) for one in close[:3])})" if close else ""

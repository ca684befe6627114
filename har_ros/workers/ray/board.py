"""Where the workers of a cluster say how far they are."""

from __future__ import annotations

from typing import Any


class Board:
    """Keeps the newest report of each piece until it is taken."""

    def __init__(self) -> None:
        self._newest: dict[int, Any] = {}

    def put(self, number: int, report: Any) -> None:
        """Take a report of the piece with this number."""
        self._newest[number] = report

    def take(self) -> list[Any]:
        """Return what is new, once."""
        reports = list(self._newest.values())
        self._newest.clear()
        return reports

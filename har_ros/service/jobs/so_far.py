"""What a job has found so far, while it runs and afterwards."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from har_ros.service.folder import SUMMARY, WINDOWS

MOST = 1000
"""Windows in an answer, at most."""


class SoFar(BaseModel):
    """The windows after a number of them, and all spans and persons. over: whether nothing more will come after these.

    next: what to give as `after` for those that follow. spans: as in the result; one that is `going_on` has not ended,
    and has its end so far.
    """

    windows: list[dict[str, Any]]
    next: int
    spans: list[dict[str, Any]]
    persons: list[dict[str, Any]]
    over: bool


def so_far(place: Path, after: int, over: bool) -> SoFar:
    """Return what is in a job's folder; nothing where it has not begun. over: whether the job is."""
    windows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {"spans": [], "persons": []}
    with suppress(FileNotFoundError), (place / WINDOWS).open(encoding="utf-8") as lines:
        complete = takewhile(lambda line: line.endswith("\n"), lines)  # the last may be half written, and go on as next
        windows = [json.loads(line) for line in islice(complete, after, after + MOST)]
    with suppress(FileNotFoundError):
        summary = json.loads((place / SUMMARY).read_text(encoding="utf-8"))
    return SoFar(
        windows=windows,
        next=after + len(windows),
        spans=summary["spans"],
        persons=summary["persons"],
        over=over and len(windows) < MOST,
    )

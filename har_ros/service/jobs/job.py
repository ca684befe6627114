"""A job of the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["receiving", "queued", "running", "done", "failed"]
ENDED: tuple[State, ...] = ("done", "failed")


@dataclass(frozen=True)
class Job:
    """A video and what is to be done with it.

    name: of the video, as the client gave it. options: parameters of the node. created, started, ended: seconds since
    1970, None where that has not happened. done, total: frames; total is 0 where it is not known. windows: for which
    there is an answer so far. paced: when it was known for the first time since it was begun last that there is one;
    skipped: frames that were done then. error: why it failed. attempts: how often it was begun since it got further
    than before. link: where the video is to be fetched from, empty where it came with the job. fingerprint: of the
    video, where it came with a key that may be used for no other one.
    """

    id: str
    name: str
    options: Mapping[str, Any]
    state: State
    created: float
    started: float | None
    ended: float | None
    done: int
    total: int
    windows: int
    paced: float | None
    skipped: int
    error: str
    attempts: int
    link: str
    fingerprint: str

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    def seconds_left(self, now: float) -> float | None:
        """Return how long it will still take, None where that is not known. now: seconds since 1970.

        Frames before the first window take no time, and those before a checkpoint took another worker's.
        """
        new = self.done - self.skipped
        if self.state != "running" or self.paced is None or new <= 0 or not self.total:
            return None
        return (now - self.paced) / new * max(0, self.total - self.done)

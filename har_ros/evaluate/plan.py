"""What is to be done: a job is one recording, a plan is how all of them are evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har_ros.recordings.bag import Bag, open_recording
from har_ros.recordings.recording import VideoRecording
from har_ros.recordings.remote import Place, local


@dataclass(frozen=True)
class Job:
    """A recording to evaluate. name: unique among those of a run. See Bag for topics and transport.

    images: how many there are, for the progress bar; 0 where it lies at an address.
    """

    name: str
    path: Place
    topics: tuple[str, ...] = ()
    transport: str = "raw"
    images: int = 0

    @contextmanager
    def opened(self) -> Iterator[Bag | VideoRecording]:
        """Lend the recording. Raises HarError, which calls it what its user does, also where the block raises it."""
        with local(self.path) as path:
            yield open_recording(path, self.topics, self.transport)


@dataclass(frozen=True)
class Plan:
    """How recordings are evaluated. values: the node's parameters. folder: of the results.

    inference_time: seconds that a run of the network is to take, 0: no matter. realtime_factor: how fast the recordings
    go by meanwhile, 2 is twice as fast as they were recorded. annotate: whether to write annotated bags.
    """

    values: dict[str, Any]
    folder: Path
    inference_time: float = 0.0
    realtime_factor: float = 1.0
    annotate: bool = False

    @property
    def busy(self) -> float:
        """Seconds on the recordings' clock that a run takes."""
        return self.inference_time * self.realtime_factor


@dataclass(frozen=True)
class Progress:
    """How far a recording is: images taken of `total`, and windows that ran."""

    name: str
    images: int
    total: int
    windows: int

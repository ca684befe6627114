"""A recording of which all ranges are answered: its part of the predictions, as if it had been evaluated in one go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from har_ros.errors import HarError, one_line
from har_ros.evaluate.job import PARTS, finish, played, timing
from har_ros.evaluate.part import Part
from har_ros.evaluate.plan import Plan
from har_ros.evaluate.ranges import Answered, Range
from har_ros.frames.window import Clip
from har_ros.networks.kind import Answer
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.glance import Excerpt


def join(ranges: Sequence[Range], plan: Plan, recognizer: Recognizer) -> bool:
    """Write the part of a recording from the answers in its ranges' files.

    recognizer: of the network, which need not be open. Returns whether that can be done: False where a file is missing
    or damaged, or where two ranges that meet have seen different images there. Raises HarError.
    """
    parts, job, key, seen = plan.folder / PARTS, ranges[0].job, ranges[0].key, ranges[0].seen
    files = [parts / part.file for part in ranges]
    if not all(file.is_file() for file in files):
        return False
    try:
        found = [answered for file in files if (answered := Answered.read(file)) is not None]
        meet = len(found) == len(files) and all(one.seams[1] == other.seams[0] for one, other in pairwise(found))
        if not meet or not any(len(one.rows) for one in found):  # what has no window may be played again
            return False
        networks = _Known(recognizer, found)
        blank = Excerpt(None, seen, seen.count, seen.count)
        with Part(job, plan, networks, blank, parts / key) as writer:
            replay, error = played(blank, plan, writer, lambda _: None, lambda: False)
        if error or networks.left or any(counts.windows_failed for counts in replay.counts().values()):
            return False
        times = np.concatenate([one.times for one in found])
        finish(job, plan, key, seen.sha256, replay, "", timing(times.tolist(), sum(one.wall for one in found)))
    except OSError as problem:
        raise HarError(f"cannot write {plan.folder} ({one_line(problem)}); check folder and disk") from None
    return True


class _Known:
    """The networks of an evaluation, whose answers to all windows of a recording are known, in their order."""

    persons = None
    stateless = False  # it answers in turn

    def __init__(self, recognizer: Recognizer, parts: Sequence[Answered]) -> None:
        network = recognizer.network
        self.length, self.step, self.backend = network.length, network.step, network.backend
        self.new_memory, self.length_with, self.summary = network.new_memory, network.length_with, network.summary
        self.recognizer = Recognizer(recognizer.card, recognizer.labels, self)
        self.likeness = self
        self._rows = np.concatenate([part.rows for part in parts])
        self._distances = np.concatenate([part.distances for part in parts])
        self._next = 0

    @property
    def left(self) -> int:
        """Number of answers that nobody has asked for."""
        return len(self._rows) - self._next

    def run(self, clips: Sequence[Clip], memories: Sequence[Any]) -> list[Answer | None]:
        """Return what the network said of each clip. Raises IndexError behind the last."""
        self._next += len(clips)
        return [Answer(self._rows[self._next - len(clips) + i], clip.start) for i, clip in enumerate(clips)]

    def distance(self, clip: Clip, memory: Any) -> float | None:
        """Return how far the newest window is from what was taught, None where that was not measured."""
        distance = float(self._distances[self._next - 1])
        return None if np.isnan(distance) else distance

    def close(self) -> None:
        """Do nothing: the network belongs to others."""

"""A clip network that takes each frame once: the third kind of network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import State
from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.spec import WindowSpec
from har_ros.frames.window import Clip, FrameSteps, FrameWindow
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.kind import Answer, Load, Memory

BACKLOG = 32
"""Frames of a camera that wait for the network, at most, or two steps: a busy moment costs no frame."""


class ContinualNetwork:
    """Takes each frame once, in steps, and keeps the state of its layers for each camera."""

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        (network,) = networks
        assert network.twin is not None
        self.step = network.shape[0]
        self._lag, self._columns = network.twin.lag, network.twin.columns
        self._logits = network.output == "logits"
        self.delay = self._lag * self.step
        self.length = self.frames(self._columns)
        self.backend = load(replace(network, output="embedding"))

    def frames(self, columns: int) -> int:
        """Return on how many frames the average of so many answers is based."""
        return self.delay + columns * self.step

    def averaged(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """Return over how many answers to average. Raises ConfigurationError when the memory cannot be that short."""
        if settings.memory <= 0:
            return self._columns
        rate = settings.sample_rate or spec.sample_rate
        if settings.skip_frames >= 0 or not rate:
            raise ConfigurationError(
                f"memory is {settings.memory:g} seconds, but frames enter by count; set memory to 0.0, or sample_rate"
            )
        if (columns := settings.memory * rate / self.step) < 1:
            raise ConfigurationError(
                f"memory is {settings.memory:g} s, less than a step of {self.step} frames ({self.step / rate:g} s); "
                "set it to that or more, or to 0.0 for the default"
            )
        return round(columns)

    def new_window(self, height: int, width: int) -> FrameWindow:
        """See Network."""
        return FrameSteps(self.step, max(2, BACKLOG // self.step), height, width)

    def new_memory(self) -> Columns:
        """See Network."""
        return Columns(self.step, self._lag, self._columns, self.backend.new_state())

    def run(self, clips: Sequence[Clip], memories: Sequence[Memory | None]) -> list[Answer | None]:
        """See Network."""
        kept = [memory for memory in memories if isinstance(memory, Columns)]
        for memory, clip in zip(kept, clips, strict=True):
            memory.meet(clip)
        for at in range(0, max(len(clip.frames) for clip in clips), self.step):
            pairs = [pair for pair in zip(kept, clips, strict=True) if at < len(pair[1].frames)]
            frames = [clip.frames[at : at + self.step] for _, clip in pairs]
            rows = self.backend.infer(frames, [memory.state for memory, _ in pairs])
            for (memory, clip), row in zip(pairs, rows, strict=True):
                memory.append(row, clip.stamps[at])
        for memory in kept:
            memory.settle()
        return [memory.answer(self._logits) for memory in kept]

    def close(self) -> None:
        """See Network."""
        self.backend.close()


class Columns:
    """The state of one camera in a continual network, and its newest answers, of which the average counts.

    columns: over how many to average. max_gap: seconds between two steps behind which it begins anew, 0 never. Both may
    change. gaps: how often it did, because the network was busy for so long.
    """

    def __init__(self, step: int, lag: int, columns: int, state: State) -> None:
        self.columns = columns
        self.max_gap = 0.0
        self.gaps = 0
        self.state = state
        self._step = step
        self._lag = lag
        self._rows: list[NDArray[np.float32]] = []
        self._starts: list[int] = []  # of the steps, nanoseconds
        self._steps = 0
        self._full = False  # has been, since it began anew
        self._sound = True  # the newest answer is finite, or else the state is not, either
        self._end = 0  # of the newest step, nanoseconds
        self.restarts = 0
        self._usable = False  # the state

    @property
    def fill(self) -> int:
        """See Memory."""
        steps = self._lag + len(self._rows) if self._rows else self._steps
        return self.length if self._full else steps * self._step

    @property
    def length(self) -> int:
        """See Memory: the frames behind the oldest answer that counts, and those by which it lags."""
        return (self._lag + self.columns) * self._step

    def meet(self, clip: Clip) -> None:
        """Begin anew if the camera's window did, if the network failed the last time, or after a gap."""
        gap = clip.start - self._end > self.max_gap * 1e9 > 0
        anew = clip.restarts != self.restarts or not self._usable
        if anew or gap:
            self.gaps += not anew
            self.state.reset()
            self._rows, self._starts, self._steps, self._full = [], [], 0, False
        self._end, self.restarts, self._usable = clip.end, clip.restarts, False

    def settle(self) -> None:
        """Say that the network has taken the clip without failing."""
        self._usable = self._sound

    def append(self, row: NDArray[np.float32], start: int) -> None:
        """Take the answer to the step that began with the frame of this stamp."""
        self._sound = bool(np.isfinite(row).all())
        self._steps = min(self._steps + 1, self._lag + 1)
        if self._steps > self._lag:  # those before speak of frames before the first
            self._rows = [*self._rows, row][-self.columns :]
        self._starts = [*self._starts, start][-self._lag - self.columns :]
        self._full = self._full or len(self._rows) == self.columns

    def answer(self, logits: bool) -> Answer | None:
        """Return the average of the newest answers; None while there are too few, unless `columns` has grown since."""
        if not self._full:
            return None
        mean = np.asarray(np.mean(self._rows, axis=0), np.float32)
        return Answer(softmax(mean) if logits else mean, self._starts[0])


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of a row of logits."""
    powers = np.exp(logits - logits.max())
    probabilities: NDArray[np.float32] = powers / powers.sum()
    return probabilities

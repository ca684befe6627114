"""A clip network that takes each frame once, in steps, and keeps the state of its layers for each camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import State
from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.spec import WindowSpec
from har_ros.frames.window import Clip, FrameSteps
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.kind import Answer, Load

BACKLOG = 32
"""Frames of a camera that wait for the network, at most, or two steps: a busy moment costs no frame."""


@dataclass(frozen=True)
class Steps:
    """How a network streams. size: frames in a step. lag: steps before the first answer. columns: answers of a clip."""

    size: int
    lag: int
    columns: int

    def frames(self, columns: int) -> int:
        """Return on how many frames the average of this many answers is based."""
        return (self.lag + columns) * self.size

    def averaged(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """Return over how many answers to average. Raises ConfigurationError when the memory cannot be that short."""
        if settings.memory <= 0:
            return self.columns
        rate = settings.sample_rate or spec.sample_rate
        if settings.skip_frames >= 0 or not rate:
            raise ConfigurationError(
                f"memory is {settings.memory:g} seconds, but frames enter by count; set memory to 0.0, or sample_rate"
            )
        if (columns := settings.memory * rate / self.size) < 1:
            raise ConfigurationError(
                f"memory is {settings.memory:g} s, less than a step of {self.size} frames ({self.size / rate:g} s); "
                "set it to that or more, or to 0.0 for the default"
            )
        return round(columns)


class Columns:
    """The state of one camera in a continual network, and its newest answers, of which the average counts."""

    continual = True

    def __init__(self, steps: Steps, state: State, shape: Sequence[int]) -> None:
        self.window = FrameSteps(steps.size, max(2, BACKLOG // steps.size), shape)
        self.state = state
        self.gaps = 0
        self._steps = steps
        self._columns = steps.columns  # over how many to average
        self._max_gap = 0.0  # seconds between two steps after which it begins again, 0 never
        self._rows: list[NDArray[np.float32]] = []
        self._starts: list[int] = []  # of the steps, nanoseconds
        self._taken = 0  # steps, at most one more than the lag
        self._full = False  # has been, since it began again
        self._sound = True  # the newest answer is finite, or else the state is not, either
        self._usable = False  # the state: the network did not fail the last time
        self._end = self._restarts = 0  # stamp of the newest frame, in nanoseconds, and its window's restarts

    @property
    def fill(self) -> int:
        """Number of frames that it has, at most `length`."""
        if self._restarts != self.window.restarts:
            return 0
        steps = self._steps.lag + len(self._rows) if self._rows else self._taken
        return self.length if self._full else steps * self._steps.size

    @property
    def length(self) -> int:
        """Number of frames on which the oldest answer that counts is based, including its lag."""
        return self._steps.frames(self._columns)

    def configure(self, spec: WindowSpec, settings: StreamSettings) -> None:
        """Use these settings from now on. Raises ConfigurationError, and changes nothing, when they do not fit."""
        self._columns = self._steps.averaged(spec, settings)
        self._max_gap = settings.max_gap

    def meet(self, clip: Clip) -> None:
        """Begin again if the camera's window did, if the network failed the last time, or after a gap.

        A state that its backend has lost is a gap, too.
        """
        gap = clip.start - self._end > self._max_gap * 1e9 > 0 or not self.state.kept
        restarted = clip.restarts != self._restarts or not self._usable
        if restarted or gap:
            self.gaps += not restarted
            self.state.reset()
            self._rows, self._starts, self._taken, self._full = [], [], 0, False
        self._end, self._restarts, self._usable = clip.end, clip.restarts, False

    def settle(self) -> None:
        """Say that the network has taken the clip without failing."""
        self._usable = self._sound

    def append(self, row: NDArray[np.float32], start: int) -> None:
        """Take the answer to the step that began with the frame of this stamp."""
        self._sound = bool(np.isfinite(row).all())
        self._taken = min(self._taken + 1, self._steps.lag + 1)
        if self._taken > self._steps.lag:  # earlier answers are about frames before the first
            self._rows = [*self._rows, row][-self._columns :]
        self._starts = [*self._starts, start][-self._steps.lag - self._columns :]
        self._full = self._full or len(self._rows) == self._columns

    def mean(self) -> tuple[NDArray[np.float32], int, int] | None:
        """Return the average of the newest answers, and the stamps of the first and the last frame that it speaks of.

        None while there are too few, unless the number that counts has grown since.
        """
        if not self._full:
            return None
        until = self._starts[-self._steps.lag] if self._steps.lag else self._end
        return np.asarray(np.mean(self._rows, axis=0), np.float32), self._starts[0], until


def in_rows(network: PreparedNetwork) -> PreparedNetwork:
    """Return the network as a backend runs it: its answers are averaged before their softmax."""
    return replace(network, output="embedding")


class ContinualNetwork:
    """Takes each frame once, in steps, and keeps the state of its layers for each camera."""

    stateless = False

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        (network,) = networks
        assert network.twin is not None
        self.step, *self._frame = network.shape
        self._steps = Steps(self.step, network.twin.lag, network.twin.columns)
        self._logits = network.output == "logits"
        self.length = self._steps.frames(self._steps.columns)
        self.backend = load(in_rows(network))

    def new_memory(self) -> Columns:
        """Return a camera's empty memory."""
        return Columns(self._steps, self.backend.new_state(), self._frame)

    def run(self, clips: Sequence[Clip], memories: Sequence[Columns]) -> list[Answer | None]:
        """Return an answer for each clip, None while its memory is still filling. Raises ModelError."""
        for memory, clip in zip(memories, clips, strict=True):
            memory.meet(clip)
        for at in range(0, max(len(clip.frames) for clip in clips), self.step):
            pairs = [pair for pair in zip(memories, clips, strict=True) if at < len(pair[1].frames)]
            frames = [clip.frames[at : at + self.step] for _, clip in pairs]
            rows = self.backend.infer(frames, [memory.state for memory, _ in pairs])
            for (memory, clip), row in zip(pairs, rows, strict=True):
                memory.append(row, clip.stamps[at])
        for memory in memories:
            memory.settle()
        return [self._answer(memory) for memory in memories]

    def _answer(self, memory: Columns) -> Answer | None:
        if (found := memory.mean()) is None:
            return None
        mean, start, until = found
        return Answer(softmax(mean) if self._logits else mean, start, until)

    def length_with(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """Return on how many frames an answer is based with these settings. Raises ConfigurationError."""
        return self._steps.frames(self._steps.averaged(spec, settings))

    def summary(self, length: int) -> str:
        """Describe in words what it takes, for answers based on this many frames."""
        delay = self._steps.lag * self.step
        return f"continual: every {self.step} frames an answer of what was {delay} to {length} frames ago"

    def close(self) -> None:
        """Free the network."""
        self.backend.close()


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of a row of logits."""
    powers = np.exp(logits - logits.max())
    probabilities: NDArray[np.float32] = powers / powers.sum()
    return probabilities

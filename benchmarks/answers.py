"""The answers of I3D to a video after each step of 8 frames: of sliding windows, and continual."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import BackendSettings
from har_ros.frames.pixels import CameraImage, write_rgb
from har_ros.frames.sampling import TimeGrid
from har_ros.frames.spec import InputSpec
from har_ros.networks.continual import softmax
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.source import open_source

MODEL, RATE, STEP = "i3d-kinetics-400", 25.0, 8
WINDOWS = (64, 32, 16)
MEMORIES = (1, 2, 4, 7, 14)  # answers that are averaged
Frames = NDArray[np.uint8]
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """Probabilities of one video after each step of 8 frames, by method; None where there is none yet.

    windows: length → that of the window that ends there. continual: memory → that of the newest answers. lag: in steps.
    """

    windows: dict[int, list[Rows | None]]
    continual: dict[int, list[Rows | None]]
    lag: int

    @property
    def methods(self) -> dict[str, list[Rows | None]]:
        """All, by name."""
        named = {f"{length}-frame windows": rows for length, rows in self.windows.items()}
        return {**named, **{f"continual, memory {memory}": rows for memory, rows in self.continual.items()}}


class Networks:
    """I3D with windows of each length, and continual."""

    def __init__(self) -> None:
        cpu = BackendSettings("openvino")
        self.windows = {length: Recognizer.open(MODEL, cpu, frames=length, continual=False) for length in WINDOWS}
        self.continual = Recognizer.open(MODEL, cpu, continual=True)
        self.labels = self.continual.labels

    def frames(self, path: Path) -> Frames:
        """Return a video as the network sees it: T×224×224×3, 25 frames per second."""
        return sampled(path, self.continual.card.images, RATE)

    def window(self, frames: Frames) -> Rows:
        """Return the probabilities of one window."""
        row: Rows = self.windows[len(frames)].network.backend.infer([frames])[0]
        return row

    def columns(self, frames: Frames) -> Rows:
        """Return the logits after each step of an unbroken video."""
        backend = self.continual.network.backend
        state = backend.new_state()
        starts = range(0, len(frames) - STEP + 1, STEP)
        return np.concatenate([backend.infer([frames[start : start + STEP]], [state]) for start in starts])

    def answers(self, frames: Frames) -> Answers:
        """Return each method's answer after each step."""
        ends = range(STEP, len(frames) + 1, STEP)
        windows = {
            length: [self.window(frames[end - length : end]) if end >= length else None for end in ends]
            for length in WINDOWS
        }
        columns, lag = self.columns(frames), self.lag
        return Answers(windows, {memory: averages(columns, memory, lag) for memory in MEMORIES}, lag)

    @property
    def lag(self) -> int:
        """Steps by which a continual answer lags."""
        network = self.continual.network
        return network.length // STEP - 7


def sampled(path: Path, spec: InputSpec, rate: float) -> Frames:
    """Return a video as a network sees it, at so many frames per second: T×H×W×3."""
    grid = TimeGrid(rate)
    taken: list[Frames] = []
    for frame in open_source(str(path)):
        if not taken:
            grid.start(frame.stamp)
        places = grid.due(frame.stamp) if taken else 1
        grid.take(places)
        slot = np.empty((spec.height, spec.width, 3), np.uint8)
        write_rgb(CameraImage.of_array(frame.pixels, frame.stamp), spec.resize, slot)
        taken += [slot] * places
    return np.stack(taken)


def averages(columns: Rows, memory: int, lag: int) -> list[Rows | None]:
    """Return the probabilities of the newest answers after each step."""
    return [
        softmax(columns[step - memory + 1 : step + 1].mean(axis=0)) if step + 1 - memory >= lag else None
        for step in range(len(columns))
    ]


def looped(frames: Frames, length: int) -> Frames:
    """Repeat a video until it is so long."""
    return np.concatenate([frames] * (length // len(frames) + 1))[:length]

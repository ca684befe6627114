"""What continual inference is worth: its answers beside those of sliding windows, on real videos.

`make quality DATA=…`, where DATA holds falls/*.mp4, fights/*/*.mp4 and cricket.gif; the demo's videos are used as well.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from har_ros.backends import BackendSettings
from har_ros.continual import softmax
from har_ros.pixels import CameraImage, write_rgb
from har_ros.recognizer import Recognizer
from har_ros.sampling import SECOND, TimeGrid
from har_ros.source import open_source

MODEL, RATE, STEP = "i3d-kinetics-400", 25.0, 8
WINDOWS = (64, 32, 16)
MEMORIES = (1, 2, 4, 7, 14)  # answers that are averaged
Frames = NDArray[np.uint8]
Logits = NDArray[np.float32]


def frames_of(path: Path, card: Recognizer) -> Frames:
    """Return a video as the network sees it: T×224×224×3 at 25 frames per second."""
    spec, grid = card.card.input, TimeGrid(RATE)
    taken: list[Frames] = []
    for frame in open_source(str(path)):
        if not taken:
            grid.start(frame.stamp)
        places = grid.due(frame.stamp) if taken else 1
        grid.take(places)
        if places:
            slot = np.empty((spec.height, spec.width, 3), np.uint8)
            write_rgb(CameraImage.of_array(frame.pixels, frame.stamp), spec.resize, slot)
            taken += [slot] * places
    return np.stack(taken)


class Networks:
    """I3D as windows of each length, and continual. All give logits (log probabilities) for every eighth frame."""

    def __init__(self) -> None:
        cpu = BackendSettings("openvino")
        self.windows = {length: Recognizer.open(MODEL, cpu, frames=length, continual=False) for length in WINDOWS}
        self.continual = Recognizer.open(MODEL, cpu, continual=True)

    def sliding(self, frames: Frames, length: int) -> Logits:
        """Return a row for each window, of which number i begins with frame 8 i."""
        backend = self.windows[length].network.backend
        starts = range(0, len(frames) - length + 1, STEP)
        return np.concatenate([np.log(backend.infer([frames[start : start + length]])) for start in starts])

    def columns(self, frames: Frames) -> Logits:
        """Return a row for each step, of which number i ends with frame 8 i + 7."""
        backend = self.continual.network.backend
        state = backend.new_state()
        return np.concatenate([backend.infer([frames[i : i + STEP]], [state]) for i in range(0, len(frames) - 7, STEP)])

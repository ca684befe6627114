"""The way of a frame without ROS: Stream (one camera) collects it, Recognizer (the network) says what it shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np

from har_ros.backends import Backend, Precision, load_backend
from har_ros.card import ModelCard
from har_ros.errors import ModelError
from har_ros.models.locate import find_card, network_file
from har_ros.pixels import CameraImage, write_rgb
from har_ros.scores import Prediction, predict, softmax
from har_ros.window import Clip, FrameWindow

LATE = 100_000_000
"""Nanoseconds by which an image may be older than the newest: it was overtaken; by more, the clock went back."""


@dataclass(frozen=True)
class StreamSettings:
    """How a camera's frames become a window.

    frames: the window's length, 0 as the card says. skip_frames: left out between two that enter, -1 as the card says.
    max_gap: seconds between two frames after which the window starts anew, 0 never.
    """

    frames: int = 0
    skip_frames: int = -1
    max_gap: float = 2.0


class Stream:
    """One camera. `push` from one thread while another reads the window: neither waits for the network."""

    def __init__(self, card: ModelCard, settings: StreamSettings) -> None:
        """Allocate the window. Raises ConfigurationError when the card does not take so many frames."""
        clip = card.clip
        self._window = FrameWindow(card.window_frames(settings.frames), clip.height, clip.width)
        self._resize = clip.resize
        self._stride = 1 + (clip.skip_frames if settings.skip_frames < 0 else settings.skip_frames)
        self._max_gap = settings.max_gap * 1e9 if settings.max_gap > 0 else float("inf")
        self._until_next = 0
        self._last_stamp: int | None = None
        self._waiting = False
        self._lock = Lock()
        self.frames_overtaken = 0  # images that came after a newer one and were left out
        self.windows_dropped = 0  # ready windows that a newer one replaced, or a restart lost, before they were lent

    @property
    def length(self) -> int:
        """Number of frames in a full window."""
        return self._window.length

    @property
    def fill(self) -> int:
        """Number of frames in the window so far."""
        return self._window.fill

    def push(self, image: CameraImage) -> bool:
        """Take the camera's next image. Returns whether a new full window is ready.

        An image that a newer one overtook is left out. Raises ImageError; the window is then as it was.
        """
        with self._lock:
            step = image.stamp - self._last_stamp if self._last_stamp is not None else 0
            if -LATE <= step < 0:
                self.frames_overtaken += 1
                return False
            gap = not 0 <= step <= self._max_gap
            if self._until_next > 0 and not gap:
                self._until_next -= 1
                self._last_stamp = image.stamp
                return False
            write_rgb(image, self._resize, self._window.slot())
            if gap:  # what came before a pause, or before the clock went back, is another scene
                self._window.reset()
            self._window.commit(image.stamp, image.frame_id)
            self._last_stamp = image.stamp
            self._until_next = self._stride - 1
            self.windows_dropped += self._waiting
            self._waiting = self._window.full
            return self._waiting

    @contextmanager
    def window(self) -> Iterator[Clip | None]:
        """Lend the newest window, once; None when there is no new one. Its frames stay as they are in the block."""
        with self._lock:
            clip = self._window.hold() if self._waiting else None
            self._waiting = False
        try:
            yield clip
        finally:
            if clip is not None:
                with self._lock:
                    self._window.release()


@dataclass(frozen=True)
class Result:
    """What the network said of a window, and how long it took, in seconds."""

    prediction: Prediction
    inference_time: float


class Recognizer:
    """A network ready to run: a card and a backend. Use it from one thread at a time; close it with `with`."""

    def __init__(self, card: ModelCard, backend: Backend) -> None:
        self.card = card
        self._backend = backend

    @classmethod
    def open(cls, model: str, backend: str = "auto", frames: int = 0, precision: Precision = "auto") -> Recognizer:
        """Find the model's card, make its network file if need be, load it. Raises HarError."""
        card = find_card(model)
        clip_shape = (card.window_frames(frames), card.clip.height, card.clip.width, 3)
        loaded = load_backend(backend, network_file(card), clip_shape, precision)
        outputs = loaded.infer(np.zeros((1, *clip_shape), np.uint8)).shape
        if outputs != (1, len(card.labels)):
            raise ModelError(f"{model} gives outputs of shape {outputs} for {len(card.labels)} labels; mend its card")
        return cls(card, loaded)

    def recognize(self, clip: Clip, top_k: int, threshold: float) -> Result:
        """Run the network on one window. Raises ModelError."""
        start = time.perf_counter()
        logits = self._backend.infer(clip.frames[None])
        inference_time = time.perf_counter() - start
        return Result(predict(softmax(logits[0]), self.card.labels, top_k, threshold), inference_time)

    def close(self) -> None:
        """Free the network."""
        self._backend.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""Recordings → embeddings: the node's own windows, seen by a network without its last layer. Kept in the cache."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.backends import BackendSettings, load_backend
from har_ros.compressed import AnyImage
from har_ros.errors import ConfigurationError, HarError, ImageError
from har_ros.evaluate.bag import open_recording
from har_ros.evaluate.job import fingerprint
from har_ros.evaluate.recording import Recording
from har_ros.models.cache import cached
from har_ros.models.locate import Model
from har_ros.networks import ClipNetwork
from har_ros.recognizer import Stream
from har_ros.sampling import StreamSettings
from har_ros.teach.graph import embedding_network
from har_ros.window import Clip

VERSION = 1  # of what is kept
KEPT = 10_000
"""Recordings in the cache, at most; one of a single window takes 16 kB."""
OVERLAP = 2
"""A window begins when the one before is through by 1/OVERLAP."""
SHORTEST = 8
"""A recording needs 1/SHORTEST of a window, at least."""
LOOK = 16
"""Pixels of the sides of a frame's look, by which near-duplicates are found."""
LOOK_STEP = 2
"""Frames from one look to the next."""


@dataclass(frozen=True)
class Windows:
    """What the network sees of one camera of a recording, in n windows.

    embeddings: float32 n×views×D; views: as it is and, unless that was not wanted, mirrored. start, end: stamps of the
    first and last frame, int64 nanoseconds. first: stamp of the recording's first image.
    looks: uint8 n×frames/LOOK_STEP×LOOK×LOOK, grey.
    """

    camera: str
    first: int
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    looks: NDArray[np.uint8]


class Embedder:
    """A network without its last layer, ready to run; close it with `with`."""

    def __init__(self, model: Model, backend: BackendSettings, frames: int = 0, mirror: bool = True) -> None:
        """frames: of a window, 0 as the card says. mirror: look at mirror images, too. Raises HarError."""
        self.card = model.card
        self.mirror = mirror
        self.prepared = embedding_network(model, frames)
        self.network = ClipNetwork((self.prepared,), lambda network: load_backend(network, backend))
        self.computed = 0  # recordings that were not in the cache

    def __enter__(self) -> Embedder:
        return self

    def __exit__(self, *_: object) -> None:
        self.network.close()

    def windows(self, path: Path) -> list[Windows]:
        """Return the windows of each camera of a recording. Raises HarError when it has none."""
        recording = open_recording(path)
        kept = cached(f"embeddings/{self._key(recording)}.npz", lambda: self._computed(recording), KEPT)
        with np.load(kept, allow_pickle=False) as arrays:
            cameras = [str(camera) for camera in arrays["cameras"]]
            names = [field.name for field in dataclasses.fields(Windows) if field.name not in ("camera", "first")]
            first = int(arrays["first"])
            return [
                Windows(camera, first, **{name: arrays[f"{name}_{number}"] for name in names})
                for number, camera in enumerate(cameras)
            ]

    def _key(self, recording: Recording) -> str:
        card = self.card
        settings = (card.input, card.window, self.prepared.path.name, self.network.length, self.network.backend.name)
        parts = (VERSION, OVERLAP, self.mirror, settings, fingerprint(recording.files()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def _computed(self, recording: Recording) -> bytes:
        self.computed += 1
        cameras = {name: _Camera(self) for name in recording.cameras}
        first = None
        for name, image in images(recording):
            first = image.stamp if first is None else min(first, image.stamp)
            cameras[name].take(image)
        if first is None:
            raise ConfigurationError(f"{recording.path} has no image that can be read; remove it or mend it")
        for name, camera in cameras.items():
            camera.fill_up(recording, name)
        arrays: dict[str, Any] = {"cameras": np.array(list(cameras)), "first": np.array(first)}
        for number, camera in enumerate(cameras.values()):
            arrays.update({f"{name}_{number}": value for name, value in camera.arrays().items()})
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()


def images(recording: Recording) -> Iterator[tuple[str, AnyImage]]:
    """Yield camera and image of what can be read, stamped as the node does it. Raises HarError."""
    for recorded in recording.images():
        if not isinstance(recorded.image, ImageError):
            stamp = recorded.image.stamp or recorded.arrival
            yield recorded.camera, dataclasses.replace(recorded.image, stamp=stamp)


class _Camera:
    """Takes one camera's images and runs the network on every so manieth window."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._network = embedder.network
        self._hop = max(1, self._network.length // OVERLAP)
        self._stream = Stream(embedder.card, ("embedding",), self._network, StreamSettings())
        self._next = (0, 0)  # restarts and number of the next window
        self._stamps: list[int] = []  # of the first image and of the last
        self._count = 0
        self._rows: list[tuple[int, int, NDArray[np.float32], NDArray[np.uint8]]] = []

    def take(self, image: AnyImage) -> None:
        """Take the next image; one that cannot be decoded is left out, as in the node."""
        try:
            ready = self._stream.push(image)
        except ImageError:
            return
        self._count += 1
        self._stamps = [*self._stamps[:1], image.stamp]
        if not ready:
            return
        with self._stream.window() as clip:
            if clip is not None and (clip.restarts != self._next[0] or clip.number >= self._next[1]):
                self._next = clip.restarts, clip.number + self._hop
                self._rows.append((clip.start, clip.end, self._embedded(clip), looks(clip.frames)))

    def fill_up(self, recording: Recording, name: str) -> None:
        """Play a recording that is shorter than a window again, until there is one. Raises ConfigurationError."""
        fill, length = self._stream.fill, self._network.length
        if self._rows or not self._count:
            return
        if self._count < 2 or fill * SHORTEST < length:
            raise ConfigurationError(
                f"{recording.path} has {self._count} image{'s' if self._count > 1 else ''}, which is less than "
                f"{self._stream.extent} / {SHORTEST}; remove it or give a longer one"
            )
        start, end = self._stamps
        period = (end - start) // (self._count - 1) + (end - start)
        for again in range(1, SHORTEST + 1):
            for camera, image in images(recording):
                if camera == name and not self._rows:
                    self.take(dataclasses.replace(image, stamp=image.stamp + again * period))
        self._rows = [(start, end, *row[2:]) for row in self._rows]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what Windows has."""
        columns: Iterable[Any] = zip(*self._rows, strict=True) if self._rows else ((), (), (), ())
        start, end, embeddings, seen = columns
        return {
            "start": np.array(start, np.int64),
            "end": np.array(end, np.int64),
            "embeddings": np.array(embeddings, np.float32),
            "looks": np.array(seen, np.uint8),
        }

    def _embedded(self, clip: Clip) -> NDArray[np.float32]:
        views = [clip.frames]
        if self._embedder.mirror:
            views.append(np.ascontiguousarray(clip.frames[:, :, ::-1]))
        return self._network.backend.infer(views)


def looks(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return small grey pictures of every LOOK_STEP-th frame. frames: T×H×W×3 RGB."""
    small = [
        cv2.cvtColor(cv2.resize(frame, (LOOK, LOOK), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in frames[::LOOK_STEP]
    ]
    return np.asarray(small, np.uint8)


def embed(embedder: Embedder, paths: Iterable[Path]) -> Iterator[tuple[Path, list[Windows] | HarError]]:
    """Yield each recording with its windows, or with what is wrong with it."""
    for path in paths:
        try:
            yield path, embedder.windows(path)
        except HarError as error:
            yield path, error

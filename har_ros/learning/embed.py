"""Recordings → embeddings: the node's own windows, seen by a network without its last layer. Kept in the cache."""

from __future__ import annotations

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import HarError, ModelError
from har_ros.files.arrays import as_npz
from har_ros.files.cache import cached, digests, fingerprint
from har_ros.frames.window import Clip
from har_ros.graphs.cut import EMBEDDING, cut_before_the_end
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.learning.embed_ranges import Range, arrays_of, ranges_of, seen_in
from har_ros.learning.windows import windows
from har_ros.models.card import ModelCard
from har_ros.models.check import prepared_networks
from har_ros.models.locate import Model
from har_ros.networks.clip import ClipNetwork
from har_ros.networks.kind import Network
from har_ros.recordings.bag import open_recording
from har_ros.recordings.recording import Recording
from har_ros.workers.workers import Work

VERSION = 2  # of the embeddings in the cache
KEPT = 10_000
"""Recordings in the cache, at most; one of a single window takes 25 kB."""
OVERLAP = 2
"""A window begins when the one before is through by 1/OVERLAP."""
LOOK = 16
"""Pixels of the sides of a frame's look, by which near-duplicates are found."""


@dataclass(frozen=True)
class Windows:
    """What the network sees of one camera of a recording, in n windows.

    embeddings: float32 n×views×D; views: as it is and, unless that was not wanted, mirrored. start, end: stamps of the
    first and last frame, int64 nanoseconds. first: stamp of the recording's first image.
    looks: uint8 n×frames×LOOK×LOOK, grey.
    """

    camera: str
    first: int
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    looks: NDArray[np.uint8]


@dataclass(frozen=True)
class Kept:
    """A file of the cache that was made elsewhere. error: what is wrong with the recording, where there is none."""

    content: bytes = b""
    error: HarError | None = None


@dataclass(frozen=True)
class InRanges:
    """A long recording, whose ranges are to be looked at."""

    ranges: tuple[Range, ...]


Piece = tuple[Path, str, bool]
"""A recording, its name in the cache, and whether it is looked at as a whole, however long it is."""


class Embedder(ABC):
    """A network without its last layer, ready to run; close it with `with`.

    elsewhere: the work of making what is kept of recordings; see Looking.
    """

    card: ModelCard
    prepared: PreparedNetwork
    network: Network[Any]
    elsewhere: Work[Piece | Range, Kept | InRanges | bytes | None] | None = None

    @property
    @abstractmethod
    def backend(self) -> str:
        """What computes what is kept of recordings, see Backend.name."""

    @property
    @abstractmethod
    def computed(self) -> int:
        """Recordings that were not in the cache."""

    @property
    def people(self) -> Mapping[Path, Path]:
        """Where the people of a recording are kept, if they are what the network sees, see people.read_people."""
        return {}

    @abstractmethod
    def name_of(self, path: Path) -> str:
        """Return the name in the cache of what is seen of a recording. Raises HarError."""

    @abstractmethod
    def keep(self, path: Path) -> Path:
        """Return the file in the cache with what is seen of a recording, made where it is missing. Raises HarError."""

    @abstractmethod
    def look_at(self, path: Path, everybody: bool = False) -> list[Windows]:
        """Return the windows of each camera of a recording. Raises HarError when it has none.

        everybody: where it sees people, those of all of them.
        """

    def close(self) -> None:
        """Free the network."""
        self.network.close()

    def __enter__(self) -> Embedder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ImageEmbedder(Embedder):
    """An embedder of a clip network, which keeps embeddings in the cache."""

    def __init__(self, model: Model[ModelCard], backend: BackendSettings, frames: int = 0, mirror: bool = True) -> None:
        """frames: of a window, 0 as the card says. mirror: look at mirror images, too. Raises HarError."""
        self.card = model.card
        self.mirror = mirror
        self.prepared = embedding_network(model, frames)
        self.network = ClipNetwork((self.prepared,), lambda network: load_backend(network, backend))
        self._computed_now = 0

    @property
    def backend(self) -> str:
        """What computes what is kept of recordings, see Backend.name."""
        return self.network.backend.name

    @property
    def computed(self) -> int:
        """Recordings that were not in the cache."""
        return self._computed_now

    def name_of(self, path: Path) -> str:
        """Return the name in the cache of what is seen of a recording. Raises HarError."""
        return self._name(open_recording(path))

    def keep(self, path: Path) -> Path:
        """Return the file in the cache with what is seen of a recording, made where it is missing. Raises HarError."""
        recording = open_recording(path)
        return cached(self._name(recording), lambda: self._computed(recording), KEPT)

    def look_at(self, path: Path, everybody: bool = False) -> list[Windows]:
        """Return the windows of each camera of a recording. Raises HarError when it has none.

        everybody: where it sees people, those of all of them.
        """
        with np.load(self.keep(path), allow_pickle=False) as arrays:
            cameras = [str(camera) for camera in arrays["cameras"]]
            names = [field.name for field in dataclasses.fields(Windows) if field.name not in ("camera", "first")]
            first = int(arrays["first"])
            return [
                Windows(camera, first, **{name: arrays[f"{name}_{number}"] for name in names})
                for number, camera in enumerate(cameras)
            ]

    def _name(self, recording: Recording) -> str:
        card = self.card
        settings = (card.input, card.window, self.prepared.path.name, self.network.length, self.network.backend.name)
        parts = (VERSION, OVERLAP, self.mirror, settings, fingerprint(recording.files()))
        return f"embeddings/{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.npz"

    def _computed(self, recording: Recording) -> bytes:
        length = self.network.length
        first, cameras = windows(recording, self.card, length, hop_of(length), self._seen)
        self._computed_now += 1
        return as_npz(arrays_of(first, cameras))

    def ranges(self, path: Path) -> tuple[Range, ...]:
        """Return the ranges of a long recording; nothing where it is looked at as a whole. Raises HarError."""
        return ranges_of(path, self.card, self.network.length)

    def look_in(self, part: Range) -> bytes | None:
        """Return what is seen in a range, see embed_ranges. Raises HarError."""
        return seen_in(part, self.card, self.network.length, hop_of(self.network.length), self._seen)

    def _seen(self, clip: Clip) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        views = [clip.frames]
        if self.mirror:
            views.append(np.ascontiguousarray(clip.frames[:, :, ::-1]))
        return self.network.backend.infer(views), looks(clip.frames)


def hop_of(length: int) -> int:
    """Return the frames from one window to the next."""
    return max(1, length // OVERLAP)


def looks(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return small grey pictures of the frames. frames: T×H×W×3 RGB."""
    small = [
        cv2.cvtColor(cv2.resize(frame, (LOOK, LOOK), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in frames
    ]
    return np.asarray(small, np.uint8)


def embed(
    embedder: Embedder,
    paths: Iterable[Path],
    everybody: bool = False,
    failed: Mapping[Path, HarError | None] = MappingProxyType({}),
) -> Iterator[tuple[Path, list[Windows] | HarError]]:
    """Yield each recording with its windows, or with what is wrong with it.

    everybody: see Embedder.look_at. failed: what is known to be wrong with recordings, None: nothing.
    """
    for path in paths:
        try:
            if error := failed.get(path):
                raise error
            yield path, embedder.look_at(path, everybody)
        except HarError as error:
            yield path, error


CUT_VERSION = 1  # part of the cached network's name


def embedding_network(model: Model[ModelCard], frames: int = 0) -> PreparedNetwork:
    """Return the network that gives a window's embedding, N×D, in place of classes. Raises HarError.

    frames: of a window, 0 as the card says.
    """
    card = model.card
    if card.network is None:
        raise ModelError(
            f"{card.name} is of kind {card.kind}, which cannot be taught; take a network of kind clip or sequence"
        )
    (network,) = prepared_networks(model, frames)
    if network.path.suffix != ".onnx":
        raise ModelError(f"{network.path} is not ONNX, which teaching needs; export it as ONNX")
    if card.network.embedding is None:
        raise ModelError(
            f"{card.name} names no embedding; add network.embedding to its card: the tensor before the last layer"
        )
    tensor = card.network.embedding
    cut = cut_before_the_end(load_onnx(network.path), tensor)
    key = hashlib.sha256(f"{digests(network.files)} {tensor} {CUT_VERSION}".encode()).hexdigest()[:12]
    path = cached(f"{card.name}-{key}-embedding.onnx", cut.SerializeToString)
    return replace(
        network,
        name=f"{network.name}-embedding",
        path=path,
        output_blob=EMBEDDING,
        output="embedding",
        output_type="float32",
        output_rank=2,
        labels=(),
    )

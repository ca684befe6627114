"""Recordings → who is in them: found and followed as in the node, once; kept in the cache."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend, BackendSettings
from har_ros.errors import ConfigurationError, ImageError, ModelError
from har_ros.files.arrays import as_npz
from har_ros.files.cache import cached, fingerprint
from har_ros.frames.compressed import decode_all
from har_ros.frames.pixels import CameraImage, to_rgb
from har_ros.frames.skeletons import SkeletonFrame
from har_ros.learning.embed import looks
from har_ros.persons.estimator import PoseEstimator
from har_ros.persons.poses import JOINTS
from har_ros.persons.tracks import Tracker
from har_ros.recordings.bag import open_recording
from har_ros.recordings.recording import Recording, images

VERSION = 1  # of the people in the cache
KEPT = 10_000
"""Recordings in the cache, at most; a minute with one person takes 0.8 MB."""


@dataclass(frozen=True)
class People:
    """The people of one camera of a recording, in the F images that could be read.

    stamps: int64 F, nanoseconds. sizes: int64 F×2, height and width. looks: uint8 F×LOOK×LOOK, see embed.looks.
    Of each of n sightings, image: number of its image. person: number of whoever is seen. keypoints: float32 n×17×3.
    """

    camera: str
    stamps: NDArray[np.int64]
    sizes: NDArray[np.int64]
    looks: NDArray[np.uint8]
    image: NDArray[np.int64]
    person: NDArray[np.int64]
    keypoints: NDArray[np.float32]

    def skeletons(self) -> dict[int, list[SkeletonFrame]]:
        """Return the skeletons of each person, in the order of their stamps."""
        found: dict[int, list[SkeletonFrame]] = {}
        for image, person, keypoints in zip(self.image.tolist(), self.person.tolist(), self.keypoints, strict=True):
            height, width = self.sizes[image].tolist()
            frame = SkeletonFrame(keypoints, (height, width), int(self.stamps[image]), self.camera)
            found.setdefault(person, []).append(frame)
        return found


ARRAYS = [field.name for field in dataclasses.fields(People) if field.name != "camera"]


class PeopleFinder:
    """A pose network, and a tracker for each camera. Close it."""

    def __init__(self, pose_model: str, pose_size: int, backend: BackendSettings) -> None:
        """pose_model, pose_size: see PoseEstimator.open. Raises HarError."""
        self.computed = 0  # recordings that were not in the cache
        self.kept: dict[Path, Path] = {}  # recording → file in the cache
        self._estimator = PoseEstimator.open(pose_model, backend, pose_size)
        self._network = fingerprint(self._estimator.network.files)

    def close(self) -> None:
        """Free the network."""
        self._estimator.close()

    @property
    def backend(self) -> Backend:
        """What runs the pose network."""
        return self._estimator.backend

    def name_of(self, path: Path) -> str:
        """Return the name in the cache of the people of a recording. Raises HarError."""
        return self._name(open_recording(path))

    def keep(self, path: Path) -> Path:
        """Return the file in the cache with the people of a recording. Raises HarError when no image can be read."""
        recording = open_recording(path)
        self.kept[path] = cached(self._name(recording), lambda: _as_file(self.find(recording)), KEPT)
        return self.kept[path]

    def look_at(self, path: Path) -> list[People]:
        """Return the people of each camera of a recording. Raises HarError when no image can be read."""
        return read_people(self.keep(path))

    def find(self, recording: Recording) -> list[People]:
        """Return the people of each camera of a recording, which are not kept. Raises HarError as look_at does."""
        cameras = {name: _Camera() for name in recording.cameras}
        for name, image in images(recording):
            with suppress(ImageError):  # left out, as in the node
                cameras[name].take(self._estimator, decode_all(image))
        seen = {name: camera for name, camera in cameras.items() if camera.stamps}
        if not seen:
            raise ConfigurationError(f"{recording.path} has no image that can be read; remove it or fix it")
        self.computed += 1
        return [People(name, **camera.arrays()) for name, camera in seen.items()]

    def _name(self, recording: Recording) -> str:
        estimator = self._estimator
        card = (estimator.card.input, estimator.card.decode, estimator.card.border)
        parts = (VERSION, card, self._network, estimator.shape, estimator.backend.name, fingerprint(recording.files()))
        return f"people/{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.npz"


def _as_file(cameras: Sequence[People]) -> bytes:
    """Return the file from which read_people returns them."""
    arrays: dict[str, Any] = {"cameras": np.array([camera.camera for camera in cameras])}
    for number, camera in enumerate(cameras):
        arrays |= {f"{name}_{number}": getattr(camera, name) for name in ARRAYS}
    return as_npz(arrays)


def read_people(kept: Path) -> list[People]:
    """Return the people of each camera of a recording from the file in the cache."""
    with np.load(kept, allow_pickle=False) as arrays:
        return [
            People(str(camera), **{name: arrays[f"{name}_{number}"] for name in ARRAYS})
            for number, camera in enumerate(arrays["cameras"])
        ]


class _Camera:
    """Collects what is seen in one camera's images."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self._sizes: list[tuple[int, int]] = []
        self._looks: list[NDArray[np.uint8]] = []
        self._seen: list[tuple[int, str, NDArray[np.float32]]] = []
        self._tracker = Tracker()

    def take(self, estimator: PoseEstimator, image: CameraImage) -> None:
        """Take the next image. Raises ImageError, and ModelError when the network fails."""
        [poses] = estimator.estimate([image])
        if isinstance(poses, ModelError):
            raise poses
        tracks = self._tracker.update(image.stamp, poses)
        if tracks is None:
            return
        self._seen += [(len(self.stamps), track.id, track.keypoints) for track in tracks]
        self.stamps.append(image.stamp)
        self._sizes.append(image.size)
        self._looks.append(looks(to_rgb(image)[None])[0])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields of People but its camera."""
        numbers = {name: number for number, name in enumerate(dict.fromkeys(name for _, name, _ in self._seen))}
        return {
            "stamps": np.array(self.stamps, np.int64),
            "sizes": np.array(self._sizes, np.int64),
            "looks": np.array(self._looks, np.uint8),
            "image": np.array([image for image, _, _ in self._seen], np.int64),
            "person": np.array([numbers[name] for _, name, _ in self._seen], np.int64),
            "keypoints": np.array([keypoints for _, _, keypoints in self._seen], np.float32).reshape(-1, JOINTS, 3),
        }

"""Cuts a clip to the person nearest to the camera: the largest in its images."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ImageError
from har_ros.frames.compressed import decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.frames.skeletons import SkeletonFrame
from har_ros.learning.people import PeopleFinder
from har_ros.persons.skeleton import VISIBLE
from har_ros.recordings.bag import open_recording
from har_ros.recordings.recording import images
from har_ros.recordings.video_file import VideoFile

MARGIN = 0.25
"""Around the joints, in heights of the person: joints end at the ankles and the eyes, and hands reach further."""


class NearestPerson:
    """Finds the person nearest to the camera in clips. Close it."""

    def __init__(self, pose_model: str, pose_size: int, backend: BackendSettings) -> None:
        """pose_model, pose_size: see PoseEstimator.open. Raises HarError."""
        self._finder = PeopleFinder(pose_model, pose_size, backend)

    def close(self) -> None:
        """Free the network."""
        self._finder.close()

    def cut(self, path: Path) -> bool:
        """Leave of a video only what surrounds the person nearest to the camera. Raises HarError.

        False when nobody is seen; the video stays as it is.
        """
        recording = open_recording(path)
        [people] = self._finder.find(recording)
        everybody = people.skeletons().values()
        if not everybody:
            return False
        nearest = max(everybody, key=lambda skeletons: sum(_height(one) for one in skeletons))
        left, top, right, bottom = surroundings(nearest)
        video = VideoFile(path, recording.count / recording.duration)
        try:
            for _, image in images(recording):
                with suppress(ImageError):
                    video.show(np.ascontiguousarray(to_rgb(decode_all(image))[top:bottom, left:right, ::-1]))
        except BaseException:
            video.discard()
            raise
        video.close()
        return True


def surroundings(skeletons: list[SkeletonFrame]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom, in whole pixels, of where a person is in all images, with a margin.

    The sides are even, as video codecs need.
    """
    size = np.array(skeletons[0].size[::-1])
    points = np.concatenate([_visible(one) for one in skeletons])
    margin = MARGIN * max(map(_height, skeletons))
    low = np.clip(points.min(axis=0) - margin, 0, size - 2).astype(int) // 2 * 2
    high = np.clip(points.max(axis=0) + margin, low + 2, size).astype(int) // 2 * 2
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    return left, top, right, bottom


def _visible(skeleton: SkeletonFrame) -> NDArray[np.float32]:
    """Return the positions of the joints that are seen, n×2; of all where none is."""
    seen = skeleton.keypoints[:, 2] >= VISIBLE
    return skeleton.keypoints[seen if seen.any() else slice(None), :2]


def _height(skeleton: SkeletonFrame) -> float:
    """Return the diagonal of the visible joints' box, pixels, which is as long in people who lie."""
    points = _visible(skeleton)
    return float(np.linalg.norm(np.ptp(points, axis=0)))

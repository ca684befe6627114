"""Follows the people of one camera: who in this image is who in the last one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.frames.sampling import LATE, SECOND
from har_ros.persons.motion import Motion
from har_ros.persons.poses import Poses
from har_ros.persons.skeleton import box_areas, box_overlap, similarity


@dataclass(frozen=True)
class TrackSettings:
    """How people are followed.

    max_persons: at most so many at a time; others are counted. track_timeout: seconds without being seen after which
    somebody is gone.
    """

    max_persons: int = 8
    track_timeout: float = 3.0


@dataclass(frozen=True)
class Track:
    """A person in the newest image.

    id: letters, digits and '_'. since: stamp of the first image of them, nanoseconds.
    box: left, top, right, bottom in pixels, smoothed. keypoints: float32 17×3, as the pose network has them.
    score: of the pose. seen: share of the images since `since` in which they were found.
    """

    id: str
    since: int
    box: tuple[float, float, float, float]
    keypoints: NDArray[np.float32]
    score: float
    seen: float

    @property
    def number(self) -> str:
        """The end of the id, which distinguishes the people of one camera."""
        return self.id.rpartition("_")[2]


@dataclass(eq=False)
class _Person:
    """What is known of a person beside the motion. keypoints: when last seen, relative to the box then, in its size."""

    since: int
    last_seen: int
    keypoints: NDArray[np.float32]
    images: int = 1
    found: int = 1
    id: str = ""  # as soon as they are believed in


STRONG = 0.25
"""Score from which a pose can be somebody new; weaker ones only go on with who was there (ByteTrack's second step)."""
BELIEVED = 0.15
"""Seconds after which somebody who is found again gets an id: a single false pose is nobody."""
DOUBTED = 0.3
"""Seconds after which somebody without an id is forgotten who is missing in an image."""
PATIENCE = 1.0
"""Seconds without being found after which somebody makes room for somebody new."""
PAUSE = 2.0
"""Seconds without an image, at least, after which those who were in the last one are gone: images may be rare."""
ALIKE = 0.15
"""Mean of keypoint similarity and overlap from which a pose can be somebody's."""
DUPLICATE = 0.6
"""Mean of keypoint similarity and overlap from which two poses are of one person."""
REACH = 1.0
"""Distance in sizes of the person, beside the uncertainty, at which somebody who was lost can be found again."""
GROWTH = 1.6
"""Ratio of sizes with which somebody can be found again, at most."""


class Tracker:
    """Follows the people of one camera. `update` with each image's poses, in the order of their stamps."""

    def __init__(self, settings: TrackSettings = TrackSettings(), prefix: str = "") -> None:
        """prefix: what ids begin with; empty: a random one, so that they are unique over cameras and restarts."""
        self.settings = settings
        self.ignored = 0  # poses for which there was no room
        self._prefix = prefix or f"p{secrets.token_hex(3)}"
        self._named = 0
        self._motion = Motion()
        self._persons: list[_Person] = []
        self._last_stamp: int | None = None

    def update(self, stamp: int, poses: Poses) -> tuple[Track, ...] | None:
        """Return who is in the image with this stamp (nanoseconds).

        An image that comes after a newer one changes nothing: None. When the clock goes back, all are new.
        """
        if self._last_stamp is not None and stamp <= self._last_stamp:
            if stamp >= self._last_stamp - LATE:
                return None
            self._keep(np.zeros(len(self._persons), bool))
        self._predict(stamp)
        poses = _without_duplicates(poses)
        relative = _relative(poses)
        pairs = self._assign(poses)
        for place, pose in pairs.items():
            self._find(place, stamp, relative[pose])
        self._motion.correct(np.array([*pairs], np.int64), poses.boxes[[*pairs.values()]])
        boxes = self._motion.boxes.tolist()
        tracks = [
            self._track(self._persons[place], boxes[place], poses, pose)
            for place, pose in pairs.items()
            if self._persons[place].id
        ]
        self._begin(stamp, poses, relative, [pose for pose in range(len(poses)) if pose not in pairs.values()])
        return tuple(tracks)

    def ids(self) -> set[str]:
        """Return the ids of all who may still come back."""
        return {person.id for person in self._persons if person.id}

    def _predict(self, stamp: int) -> None:
        """Forget who was not seen for too long, and move the others to where they should be now."""
        last, self._last_stamp = self._last_stamp, stamp
        limits = [self._limit(person, last) for person in self._persons]
        gone = [stamp - person.last_seen > limit * SECOND for person, limit in zip(self._persons, limits, strict=True)]
        self._keep(~np.array(gone, bool))
        unseen = np.array([person.last_seen != last for person in self._persons], bool)
        if last is not None and self._persons:
            self._motion.predict((stamp - last) / SECOND, unseen)
        for person in self._persons:
            person.images += 1

    def _limit(self, person: _Person, last: int | None) -> float:
        """Return for how many seconds somebody may not be seen. last: stamp of the image before."""
        if person.last_seen == last:
            return max(self.settings.track_timeout, PAUSE)
        return self.settings.track_timeout if person.id else DOUBTED

    def _keep(self, chosen: NDArray[np.bool_]) -> None:
        self._persons = [person for person, kept in zip(self._persons, chosen, strict=True) if kept]
        self._motion.keep(chosen)

    def _assign(self, poses: Poses) -> dict[int, int]:
        """Return who is which pose: by what is alike first, strong poses before weak ones, then who was lost."""
        if not self._persons or not len(poses):
            return {}
        boxes = self._motion.boxes
        size = _sizes(boxes)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        keypoints = np.stack([person.keypoints for person in self._persons])
        keypoints[:, :, :2] = middle[:, None] + keypoints[:, :, :2] * size[:, None, None]
        areas = (box_areas(boxes)[:, None] + box_areas(poses.boxes)[None]) / 2
        alike = (similarity(keypoints, poses.keypoints, areas) + box_overlap(boxes, poses.boxes)) / 2
        strong = poses.scores >= STRONG
        pairs: dict[int, int] = {}
        _match(alike * strong, ALIKE, pairs)
        _match(alike, ALIKE, pairs)
        if len(pairs) == min(alike.shape):
            return pairs
        distance = (
            np.linalg.norm((poses.boxes[None, :, :2] + poses.boxes[None, :, 2:]) / 2 - middle[:, None], axis=2)
            / np.maximum(size, 1)[:, None]
        )
        ratio = _sizes(poses.boxes)[None] / np.maximum(size, 1)[:, None]
        near = distance < REACH + self._motion.deviation[:, None]
        possible = near & strong & (ratio < GROWTH) & (ratio > 1 / GROWTH)
        _match(possible / (1 + distance), 1e-6, pairs)
        return pairs

    def _find(self, place: int, stamp: int, keypoints: NDArray[np.float32]) -> None:
        person = self._persons[place]
        person.last_seen, person.found = stamp, person.found + 1
        person.keypoints = keypoints
        if not person.id and stamp - person.since >= BELIEVED * SECOND:
            self._named += 1
            person.id = f"{self._prefix}_{self._named}"

    def _begin(self, stamp: int, poses: Poses, relative: NDArray[np.float32], free: list[int]) -> None:
        """Let strong poses that are nobody's be somebody new; who was not seen for a while makes room for them."""
        strong = [pose for pose in free if poses.scores[pose] >= STRONG]
        seen = sum(stamp - person.last_seen <= PATIENCE * SECOND for person in self._persons)
        new = strong[: max(0, self.settings.max_persons - seen)]
        self.ignored += len(strong) - len(new)
        if not new and len(self._persons) <= self.settings.max_persons:
            return
        newest = sorted(self._persons, key=lambda person: person.last_seen, reverse=True)
        stay = set(newest[: max(0, self.settings.max_persons - len(new))])
        self._keep(np.array([person in stay for person in self._persons], bool))
        self._persons += [_Person(stamp, stamp, relative[pose]) for pose in new]
        self._motion.add(poses.boxes[new])

    def _track(self, person: _Person, box: list[float], poses: Poses, pose: int) -> Track:
        left, top, right, bottom = box
        share = person.found / person.images
        score = float(poses.scores[pose])
        return Track(person.id, person.since, (left, top, right, bottom), poses.keypoints[pose], score, share)


def _match(scores: NDArray[Any], least: float, pairs: dict[int, int]) -> None:
    """Add pairs of people and poses that are free yet, with the greatest sum of scores, each at least `least`."""
    from scipy.optimize import linear_sum_assignment  # its import takes longer than all of ours

    rows = [row for row in range(scores.shape[0]) if row not in pairs]
    columns = [column for column in range(scores.shape[1]) if column not in pairs.values()]
    if not rows or not columns:
        return
    free = scores[np.ix_(rows, columns)]
    free = np.where(free >= least, free, 0)
    for row, column in zip(*linear_sum_assignment(free, maximize=True), strict=True):
        if free[row, column] > 0:
            pairs[rows[row]] = columns[column]


def _without_duplicates(poses: Poses) -> Poses:
    """Leave out poses of people of whom there is a better one."""
    if len(poses) < 2:
        return poses
    areas = box_areas(poses.boxes)
    same_joints = similarity(poses.keypoints, poses.keypoints, (areas[:, None] + areas[None]) / 2)
    alike = (same_joints + box_overlap(poses.boxes, poses.boxes)) / 2
    kept: list[int] = []
    for pose in range(len(poses)):
        if not kept or alike[pose, kept].max() < DUPLICATE:
            kept.append(pose)
    return poses.select(np.array(kept))


def _relative(poses: Poses) -> NDArray[np.float32]:
    """Return people's keypoints from the middle of their boxes, in their size."""
    keypoints = poses.keypoints.copy()
    keypoints[:, :, :2] -= ((poses.boxes[:, :2] + poses.boxes[:, 2:]) / 2)[:, None]
    keypoints[:, :, :2] /= np.maximum(_sizes(poses.boxes), 1)[:, None, None]
    return keypoints


def _sizes(boxes: NDArray[Any]) -> NDArray[Any]:
    """Return the size of people: the root of their boxes' areas."""
    sizes: NDArray[Any] = np.sqrt(box_areas(boxes))
    return sizes

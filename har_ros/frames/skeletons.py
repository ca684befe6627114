"""Skeletons of a person, in order of time → what a network for skeletons takes.

Below the networks, since these arrange their own input, and below the cards, which name joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.frames.sampling import SECOND
from har_ros.frames.spec import Resize, SkeletonSpec
from har_ros.frames.window import Clip

Singles = NDArray[np.float32]

NAMES = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""COCO's joints in its order (cocodataset.org/#keypoints-2020); left and right are the person's."""
MIDDLES = {
    "neck": ("left_shoulder", "right_shoulder"),
    "pelvis": ("left_hip", "right_hip"),
    "spine": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "head": ("left_ear", "right_ear"),
}
"""Joints that other skeletons have → COCO's joints in the middle of which they lie."""
SLOT = (len(NAMES) + 1, 3)
"""Shape of a skeleton in a window, float32: x, y and confidence of each joint; then its image's width and height."""


@dataclass(frozen=True)
class SkeletonFrame:
    """A person's joints in one image, as a frame of a window.

    keypoints: float32 17×3, x and y in pixels, confidence 0…1. size: height and width of the image. stamp: its stamp in
    nanoseconds.
    """

    keypoints: Singles
    size: tuple[int, int]
    stamp: int
    frame_id: str = ""

    def write(self, slot: Singles, resize: Resize) -> None:
        """Write it into a window's slot (float32, of the shape SLOT). A joint that is not finite is missing."""
        finite = np.isfinite(self.keypoints).all(axis=1, keepdims=True)
        slot[:-1] = np.where(finite, self.keypoints, 0)
        slot[-1] = self.size[1], self.size[0], 0


def mirrored(skeletons: Singles) -> Singles:
    """Return skeletons (…×18×3, as in a window) as in the mirror images, where left and right are exchanged."""
    swapped = [NAMES.index(other_side(name)) for name in NAMES]
    result = skeletons[..., [*swapped, -1], :]
    result[..., :-1, 0] = skeletons[..., -1:, 0] - result[..., :-1, 0]
    return result


def other_side(name: str) -> str:
    """Return the joint that this one is in the mirror image."""
    side, _, joint = name.partition("_")
    return {"left": f"right_{joint}", "right": f"left_{joint}"}.get(side, name)


def arranged(clip: Clip, spec: SkeletonSpec, rate: float | None) -> Singles:
    """Return the network's input for a clip of skeletons (T×18×3), float32 in the spec's layout with N = 1.

    rate: skeletons per second; they are interpolated between the images' stamps, back from the newest. None: as they
    come.
    """
    slots, times, places = _timeline(clip, rate)
    keypoints, seen = _interpolated(slots[:, :-1], times, places, spec.least_confidence)
    if spec.missing == "interpolated":
        seen = np.broadcast_to(seen.any(axis=0), seen.shape)
    nearest = np.searchsorted(times, places).clip(max=len(times) - 1)
    origin, unit = _reference(keypoints[:, :, :2], seen, slots[nearest, -1, :2], spec)
    parts = [parts_of(name) for name in spec.joints or NAMES]
    there = np.stack([seen[:, part].all(axis=1) for part in parts], axis=1)[:, :, None]
    position = np.stack([keypoints[:, part, :2].mean(axis=1) for part in parts], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # where nothing is known of a person's size
        position = (position - origin) / unit
    if spec.normalisation in ("image", "box"):
        low, high = spec.range
        position = position * (high - low) + (low + high) / 2
    position = np.where(there & np.isfinite(position), position, 0)
    if not spec.confidence:
        return _laid_out(position, spec)
    confidence = np.stack([keypoints[:, part, 2].min(axis=1) for part in parts], axis=1)
    return _laid_out(np.concatenate([position, confidence[:, :, None]], axis=2), spec)


def parts_of(name: str) -> list[int]:
    """Return the numbers of COCO's joints in the middle of which a joint lies."""
    return [NAMES.index(part) for part in MIDDLES.get(name, (name,))]


def _timeline(clip: Clip, rate: float | None) -> tuple[Singles, NDArray[np.float64], NDArray[np.float64]]:
    """Return the skeletons, when they were, and when those of the input are to be.

    With a rate in seconds before the newest, each skeleton once, however many places it takes; else counted.
    """
    length = len(clip.frames)
    if rate is None:
        places = np.arange(length, dtype=np.float64)
        return clip.frames, places, places
    stamps = np.array(clip.stamps, np.int64)
    first = np.append(True, np.diff(stamps) > 0)
    times = (stamps[first] - stamps[-1]) / SECOND
    return clip.frames[first], times, np.arange(1 - length, 1) / rate


def _interpolated(
    keypoints: Singles, times: NDArray[np.float64], places: NDArray[np.float64], least: float
) -> tuple[Singles, NDArray[np.bool_]]:
    """Return the joints at `places` (T×17×3), and whether their confidence is enough (T×17).

    Positions come from the skeletons in which the joint's confidence is enough, or are zero where it never is.
    """
    result = np.zeros((len(places), *keypoints.shape[1:]), np.float32)
    for joint in range(keypoints.shape[1]):
        sure = keypoints[:, joint, 2] >= least
        if sure.any():
            for axis in (0, 1):
                result[:, joint, axis] = np.interp(places, times[sure], keypoints[sure, joint, axis])
        result[:, joint, 2] = np.interp(places, times, keypoints[:, joint, 2])
    return result, result[:, :, 2] >= least


def _reference(
    position: Singles, seen: NDArray[np.bool_], size: Singles, spec: SkeletonSpec
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return origin and unit in pixels, to be broadcast to T×V×2. size: the images' width and height, T×2."""
    if spec.normalisation == "pixels":
        return np.zeros(1), np.ones(1)
    if spec.normalisation == "image":
        return size[:, None] / 2, size[:, None]
    return _box(position, seen, spec.moving) if spec.normalisation == "box" else _trunk(position, seen, spec.moving)


def _box(position: Singles, seen: NDArray[np.bool_], moving: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the middle of the bounding box of what is seen, and its longer side; NaN where that is nothing."""
    axes = 1 if moving else (0, 1)
    mask = np.broadcast_to(seen[:, :, None], position.shape)
    least = position.min(axes, where=mask, initial=np.inf, keepdims=True)
    most = position.max(axes, where=mask, initial=-np.inf, keepdims=True)
    with np.errstate(invalid="ignore"):
        return (least + most) / 2, (most - least).max(axis=2, keepdims=True)


def _trunk(position: Singles, seen: NDArray[np.bool_], moving: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the hips' middle and the distance to the shoulders' middle; NaN where one of the four is not seen."""
    shoulders, hips = parts_of("neck"), parts_of("pelvis")
    known = seen[:, [*shoulders, *hips]].all(axis=1)
    origin = position[:, hips].mean(axis=1)
    unit = np.linalg.norm(position[:, shoulders].mean(axis=1) - origin, axis=1)
    if moving:
        return origin[:, None], np.where(known, unit, np.nan)[:, None, None]
    if not known.any():
        return origin[:1, None], np.full(1, np.nan)
    return origin[known].mean(axis=0), np.median(unit[known])[None]


def _laid_out(points: NDArray[Any], spec: SkeletonSpec) -> Singles:
    """Return T×V×C in the spec's layout, with N = 1."""
    time, joints, coordinates = points.shape
    if spec.layout == "NTD":
        return np.ascontiguousarray(points.reshape(1, time, joints * coordinates), np.float32)
    if "M" not in spec.layout:
        return np.ascontiguousarray(points.transpose(["TVC".index(axis) for axis in spec.layout[1:]])[None], np.float32)
    people = np.zeros((1, spec.persons, time, joints, coordinates), np.float32)
    people[0, 0] = points
    return np.ascontiguousarray(people.transpose(["NMTVC".index(axis) for axis in spec.layout]))

"""COCO's skeleton: limbs, how alike two skeletons are, and the same person as OpenPose's skeleton."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.frames.skeletons import parts_of

LIMBS = (
    *((5, 7), (7, 9), (6, 8), (8, 10)),  # arms
    *((11, 13), (13, 15), (12, 14), (14, 16)),  # legs
    *((5, 6), (5, 11), (6, 12), (11, 12)),  # trunk
    *((0, 5), (0, 6)),  # neck
)
"""Pairs of joints with a line between them, numbered as in frames.skeletons.NAMES."""
SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float32) / 1000
"""How far people who annotate a joint lie apart, as a share of the person's size (COCO's keypoint evaluation)."""
VISIBLE = 0.2
"""Confidence of a joint that is looked at, at least."""
OPENPOSE = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("left_eye", "right_eye", "left_ear", "right_ear"),
)
"""The 18 joints of OpenPose's COCO model, in the order of hri_msgs/Skeleton2D, which has the left eye and ear first."""
_ENDS = np.array([(parts_of(joint)[0], parts_of(joint)[-1]) for joint in OPENPOSE])
"""The two of COCO's joints in the middle of which each lies; mostly the same one twice."""


def similarity(first: NDArray[Any], second: NDArray[Any], areas: NDArray[Any]) -> NDArray[np.float32]:
    """Return the object keypoint similarity (OKS) of N and M skeletons, N×M from 0 to 1; 0 without a common joint.

    first, second: N×17×3 and M×17×3, x, y and confidence. areas: N×M square pixels of the people.
    cocodataset.org/#keypoints-eval; here the joints count that are visible in both.
    """
    visible = (first[:, None, :, 2] >= VISIBLE) & (second[None, :, :, 2] >= VISIBLE)
    distance = ((first[:, None, :, :2] - second[None, :, :, :2]) ** 2).sum(axis=3)
    alike = np.exp(-distance / (2 * np.maximum(areas, 1)[:, :, None] * (2 * SIGMAS) ** 2)) * visible
    counted: NDArray[np.float32] = (alike.sum(axis=2) / np.maximum(visible.sum(axis=2), 1)).astype(np.float32)
    return counted


def box_overlap(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float32]:
    """Return the intersection over union of N and M boxes (left, top, right, bottom), N×M from 0 to 1."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.maximum(np.minimum(first[:, None, 2:], second[None, :, 2:]) - top_left, 0).prod(axis=2)
    union = box_areas(first)[:, None] + box_areas(second)[None] - shared
    found: NDArray[np.float32] = (shared / np.maximum(union, 1e-6)).astype(np.float32)
    return found


def box_areas(boxes: NDArray[Any]) -> NDArray[Any]:
    """Return the areas of N boxes."""
    areas: NDArray[Any] = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)
    return areas


def openpose(keypoints: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return a person's joints (17×3, as in Poses) as those of OPENPOSE: float32 18×3, x, y and confidence, 0…1.

    x and y are shares of the image's width and height; a joint beyond the edge lies on it. The confidence of the neck
    is that of the less certain shoulder. size: height and width of the image.
    """
    ends = keypoints[_ENDS]
    position = ends[:, :, :2].mean(axis=1, dtype=np.float64) / (size[1], size[0])
    joints: NDArray[np.float32] = np.concatenate([position, ends[:, :, 2:].min(axis=1)], axis=1).astype(np.float32)
    return joints.clip(0, 1)


def box_in_image(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return a box (left, top, right, bottom in pixels), cut at the image's edges, as shares of its width and height.

    size: height and width of the image.
    """
    left, top, right, bottom = (np.array(box) / (size[1], size[0], size[1], size[0])).clip(0, 1).tolist()
    return left, top, right, bottom

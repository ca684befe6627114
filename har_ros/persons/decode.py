"""What a pose network gives for one image → people, in pixels of its input."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.graphs.movenet import HEADS, PROBABILITIES, STRIDE
from har_ros.graphs.rtmo import NUMBERS
from har_ros.persons.poses import JOINTS, Poses

LEAST = 0.1
"""Score of a person, at least; the tracker asks for more before it believes in somebody new."""
MOST = 64
"""People that are looked at in one image, at most."""
OVERLAP = 0.65
"""Intersection over union from which two boxes of a YOLO-pose network are one person, as Ultralytics has it."""
SURE = 0.126953125  # a half-precision number, as the graph has it
"""Confidence above which MoveNet counts a joint in a person's score."""
FALL_OFF = 0.3
"""MoveNet's weight of a heat at distance d is exp(-d² / (0.3 · the shorter side)), in cells."""


def movenet(output: NDArray[np.float32], height: int, width: int) -> Poses:
    """Decode MoveNet MultiPose's heads (90·H/4·W/4, see graphs.movenet) as its published graph does.

    A person is a peak of the centres. Each joint is where its heat is greatest in the person's box, the heat falling
    off with the distance from where the centre expects the joint. That heat is the joint's confidence; the person's
    score is the centre's times the mean of those that are above SURE.
    """
    heads = output.reshape(-1, height // STRIDE, width // STRIDE)
    ends = np.cumsum(list(HEADS.values()))[:-1]
    (center,), scale, offset, heat, regress, joint_offset = np.split(heads, ends)
    peaks = np.where(cv2.dilate(center, np.ones((5, 5), np.uint8)) == center, center, 0).reshape(-1)
    found = np.argsort(-peaks, kind="stable")[:MOST]
    rows, columns = np.divmod(found[peaks[found] >= LEAST], center.shape[1])
    middle = np.stack([rows, columns], axis=1).astype(np.float32)
    half = np.maximum(scale[:, rows, columns].T, 0) / 2
    inside = (middle + offset[:, rows, columns].T) + np.stack([-half, half])  # top left, bottom right
    limits = np.array(center.shape, np.float32)
    top_left, bottom_right = np.clip(inside, 0, limits)
    expected = middle[:, None] + regress[:, rows, columns].T.reshape(-1, JOINTS, 2)
    people = [_movenet_joints(heat, joint_offset, *one) for one in zip(top_left, bottom_right, expected, strict=True)]
    keypoints = np.array(people, np.float32).reshape(-1, JOINTS, 3)
    confidence = keypoints[:, :, 2]
    sure = confidence > SURE
    means = (confidence * sure).sum(axis=1) / np.maximum(sure.sum(axis=1), 1)
    keypoints[:, :, :2] *= STRIDE
    boxes = np.concatenate([top_left[:, ::-1], bottom_right[:, ::-1]], axis=1) * STRIDE
    return _best(Poses(center[rows, columns] * means, boxes, keypoints), max(height, width))


def _movenet_joints(
    heat: NDArray[np.float32],
    joint_offset: NDArray[np.float32],
    top_left: NDArray[np.float32],
    bottom_right: NDArray[np.float32],
    expected: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return x, y and confidence of a person's joints (17×3), in cells. expected: their y and x, 17×2."""
    (top, left), (bottom, right) = np.ceil(top_left).astype(int), np.ceil(bottom_right).astype(int)
    if top >= bottom or left >= right:
        return np.concatenate([expected[:, ::-1], np.zeros((JOINTS, 1), np.float32)], axis=1)
    spread = FALL_OFF * min(heat.shape[1:])
    near_y = np.exp(-((np.arange(top, bottom) - expected[:, :1]) ** 2) / spread)
    near_x = np.exp(-((np.arange(left, right) - expected[:, 1:]) ** 2) / spread)
    weighted = (heat[:, top:bottom, left:right] * near_y[:, :, None] * near_x[:, None]).reshape(JOINTS, -1)
    best = weighted.argmax(axis=1)
    y, x = np.divmod(best, right - left)
    joints = np.arange(JOINTS)
    moved = joint_offset.reshape(JOINTS, 2, *heat.shape[1:])[joints, :, y + top, x + left]
    found = np.stack([x + left + moved[:, 1], y + top + moved[:, 0], weighted[joints, best]], axis=1)
    return found.astype(np.float32)


def yolo_pose(output: NDArray[np.float32], height: int, width: int) -> Poses:
    """Decode a YOLO-pose export (56·N: middle x and y, width, height, score, 17 × x, y, confidence).

    Of boxes that overlap the best stays.
    """
    candidates = output.reshape(NUMBERS, -1)
    rows = candidates[:, candidates[4] >= LEAST].T
    size = rows[:, 2:4]
    corner = rows[:, :2] - size / 2
    boxes = np.concatenate([corner, size], axis=1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 4].tolist(), LEAST, OVERLAP, top_k=MOST) if len(rows) else []
    edges = np.concatenate([corner, corner + size], axis=1)
    found = Poses(rows[:, 4], edges, rows[:, 5:].reshape(-1, JOINTS, 3))
    return _best(found.select(np.asarray(kept, int)), max(height, width))


def rtmo(output: NDArray[np.float32], height: int, width: int) -> Poses:
    """Decode an RTMO export (N·56, see graphs.rtmo: left, top, right, bottom, score, 17 × x, y, confidence).

    The network itself has left out boxes that overlap a better one.
    """
    rows = output.reshape(-1, NUMBERS)
    found = Poses(rows[:, 4], rows[:, :4], rows[:, 5:].reshape(-1, JOINTS, 3))
    return _best(found, max(height, width))


DECODERS: dict[str, Callable[[NDArray[np.float32], int, int], Poses]] = {
    "movenet": movenet,
    "yolo-pose": yolo_pose,
    "rtmo": rtmo,
}
"""A pose card's `decode` → what reads the network's output, flat, for an input of this height and width."""


def confidences(decode: str, output: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return all scores and joints' confidences in what a network of this `decode` gives. Raises ValueError."""
    if decode == "movenet":
        heads = np.split(output.reshape(sum(HEADS.values()), -1), np.cumsum(list(HEADS.values()))[:-1])
        return np.concatenate([head for name, head in zip(HEADS, heads, strict=True) if name in PROBABILITIES])
    numbers = output.reshape(NUMBERS, -1) if decode == "yolo-pose" else output.reshape(-1, NUMBERS).T
    return np.concatenate([numbers[4:5], numbers[7::3]])


def _best(poses: Poses, side: int) -> Poses:
    """Return those that score enough, best first. side: the input's longer one, in pixels.

    Nothing of a person lies further outside the input than that, whatever the network says; confidences are 0 to 1,
    also where the network's rounding is coarse.
    """
    order = np.argsort(-poses.scores, kind="stable")
    best = poses.select(order[poses.scores[order] >= LEAST][:MOST])
    places = best.keypoints[:, :, :2].clip(-side, 2 * side)
    keypoints = np.concatenate([places, best.keypoints[:, :, 2:].clip(0, 1)], axis=2)
    return Poses(best.scores.clip(0, 1), best.boxes.clip(-side, 2 * side), keypoints)

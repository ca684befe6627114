"""The clips that everyday-14 is trained with, and what is made of them: windows, and windows that are none of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from har_ros.finetune.augment_skeletons import at

JOINTS = (
    *("head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""In the network's order, named as in har_ros.frames.skeletons."""
OF_JHMDB = (2, 4, 3, 8, 7, 12, 11, 6, 5, 10, 9, 14, 13)
"""Number of each in JHMDB: its face lies where the middle of the ears does, 0.39 trunks above the shoulders."""
SHOULDERS, HIPS, KNEES, ANKLES = (1, 2), (7, 8), (9, 10), (11, 12)
LENGTH, RATE = 32, 25.0
"""Skeletons of a window, and how many there are in a second."""
JHMDB_RATE, LONGEST = 30.0, 40
SPAN = (LENGTH - 1) * JHMDB_RATE / RATE
"""Images of JHMDB in a window."""
JITTER, OFFSET = 0.006, 0.013
"""MoveNet at 256² on people of half the image's height: standard deviation from image to image, and of what is
constant for seconds (against 640²), in JHMDB's unit, of which a trunk is a third."""


@dataclass(frozen=True)
class Clips:
    """JHMDB. positions: float32 clip×40×13×2, the last skeleton repeated; lengths, labels: of each.

    names: of the labels. splits: clip×3, 1 train, 2 test.
    """

    positions: Tensor
    lengths: Tensor
    labels: Tensor
    names: tuple[str, ...]
    splits: NDArray[np.uint8]

    def part(self, chosen: NDArray[np.int64]) -> Clips:
        """Return some of them."""
        where = torch.from_numpy(chosen)
        return Clips(self.positions[where], self.lengths[where], self.labels[where], self.names, self.splits[chosen])


def load(path: Path) -> Clips:
    """Read jhmdb.npz, see the README of the data."""
    with np.load(path) as data:
        ends = np.cumsum(data["lengths"])
        clips = np.split(data["poses"][:, OF_JHMDB], ends[:-1])
        padded = [np.concatenate([clip, np.repeat(clip[-1:], LONGEST - len(clip), axis=0)]) for clip in clips]
        return Clips(
            torch.from_numpy(np.stack(padded)),
            torch.from_numpy(data["lengths"]).float(),
            torch.from_numpy(data["labels"]).long(),
            tuple(data["names"].tolist()),
            data["splits"],
        )


def groups(clips: Clips) -> NDArray[np.int64]:
    """Guess which clips are of one video, so that none of it is on both sides of a cross-validation.

    A video's clips are on the same side in all three splits; of those of a class, the ones that look alike are taken.
    """
    places = np.array([np.linspace(0, int(n) - 1, 8).round() for n in clips.lengths], int)
    seen = clips.positions.numpy()[np.arange(len(places))[:, None], places].reshape(len(places), -1)
    alike = np.linalg.norm(seen[:, None] - seen[None], axis=2) < 1
    sides = np.concatenate([clips.splits, clips.labels.numpy()[:, None]], axis=1)
    alike &= (sides[:, None] == sides[None]).all(axis=2)
    found = np.arange(len(places))
    for _ in range(len(places)):
        joined = np.where(alike, found[None], len(places)).min(axis=1)
        if (joined == found).all():
            break
        found = joined
    return found


def whole(clips: Clips) -> Tensor:
    """Return the clips in the middle of a window, at their speed: B×32×13×3."""
    times = torch.linspace(0, SPAN, LENGTH)[None] + (clips.lengths[:, None] - 1 - SPAN) / 2
    found = at(clips.positions, times)
    return torch.cat([found, torch.ones_like(found[..., :1])], dim=3)


@dataclass(frozen=True)
class Worse:
    """How clips are seen worse. step: images from one that is seen to the next. noise: times that of MoveNet.

    readings: share of the joints' readings that are lost. joints: how many are lost in the whole clip, of any kind, or
    which ones.
    """

    step: int = 1
    noise: float = 0.0
    readings: float = 0.0
    joints: int | tuple[int, ...] = 0


def worsened(clips: Clips, how: Worse, seed: int) -> Tensor:
    """Return the clips in the middle of a window, B×32×13×3, worse than they are, interpolated as the node does."""
    dice, windows = np.random.default_rng(seed), np.zeros((len(clips.labels), LENGTH, len(JOINTS), 3), np.float32)
    for window, positions, length in zip(windows, clips.positions.numpy(), clips.lengths.int().tolist(), strict=True):
        images = np.arange(0, length, how.step)
        seen = positions[images] + dice.normal(0, 1, (1, len(JOINTS), 2)) * how.noise * OFFSET
        seen += dice.normal(0, 1, seen.shape) * how.noise * JITTER
        there = dice.random(seen.shape[:2]) >= how.readings
        lost = dice.permutation(len(JOINTS))[: how.joints] if isinstance(how.joints, int) else how.joints
        there[:, lost] = False
        times = np.linspace(0, SPAN, LENGTH) + (length - 1 - SPAN) / 2
        for joint in np.flatnonzero(there.any(axis=0)):
            sure = there[:, joint]
            for axis in (0, 1):
                window[:, joint, axis] = np.interp(times, images[sure], seen[sure, joint, axis])
            window[:, joint, 2] = 1
    return torch.from_numpy(windows)

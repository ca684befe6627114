"""Windows of skeletons for training, arranged as the network takes them, and varied as they are drawn.

They are N×T×V×3 here, whatever the network's layout: x, y, and the confidence of each of the network's joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from har_ros.finetune.augment_skeletons import SkeletonAugmenter
from har_ros.finetune.sampler import SEED
from har_ros.frames.skeletons import NAMES
from har_ros.frames.spec import SkeletonSpec


def plain(spec: SkeletonSpec) -> SkeletonSpec:
    """Return how windows are arranged to be trained with; where joints are missing, they are interpolated."""
    return replace(spec, layout="NTVC", confidence=True, missing="interpolated", persons=1)


def laid_out(windows: Tensor, spec: SkeletonSpec) -> Tensor:
    """Return windows, N×T×V×3, in the network's own layout."""
    position, confidence = windows[..., :2], windows[..., 2:]
    if spec.missing == "zero":
        position = position * (confidence >= spec.least_confidence)
    points = torch.cat([position, confidence], dim=3) if spec.confidence else position
    if spec.layout == "NTD":
        return points.flatten(2)
    if "M" not in spec.layout:
        return points.permute(*("NTVC".index(axis) for axis in spec.layout))
    others = torch.zeros_like(points)[:, None].expand(-1, spec.persons - 1, -1, -1, -1)
    people = torch.cat([points[:, None], others], dim=1)
    return people.permute(*("NMTVC".index(axis) for axis in spec.layout))


@dataclass(frozen=True)
class WindowSource:
    """The examples that are drawn from. windows: float32 N×T×V×3 of all. rows, classes: of each example.

    mirrorable: of each, whether it may be mirrored.
    """

    windows: Tensor
    rows: Sequence[NDArray[np.int64]]
    classes: Sequence[int]
    mirrorable: Sequence[bool]
    spec: SkeletonSpec


class RandomWindows(Dataset[Any]):
    """A random window of each example, varied; the same for the same epoch and numbers."""

    def __init__(self, source: WindowSource) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source.rows)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> list[tuple[Tensor, int]]:
        """Return windows and their classes. keys: epoch and number of the example of each."""
        source, numbers = self._source, [number for _, number in keys]
        [seed] = np.random.SeedSequence([SEED, *keys[0]]).generate_state(1)
        length = source.windows.shape[1]
        augmenter = SkeletonAugmenter(source.spec.joints or NAMES, length, length - 1, int(seed))
        place = augmenter.uniform(len(numbers)).tolist()
        chosen = [source.rows[n][int(share * len(source.rows[n]))] for n, share in zip(numbers, place, strict=True)]
        allowed = torch.tensor([source.mirrorable[number] for number in numbers])
        windows = varied(source.windows[np.array(chosen)], source.spec, allowed, augmenter)
        return list(zip(windows, [source.classes[number] for number in numbers], strict=True))


class FixedWindows(Dataset[tuple[Tensor, int]]):
    """The first window of each example, as it is."""

    def __init__(self, source: WindowSource) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source.rows)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """Return a window and its class."""
        return self._source.windows[self._source.rows[number][0]], self._source.classes[number]


def varied(windows: Tensor, spec: SkeletonSpec, mirrorable: Tensor, augmenter: SkeletonAugmenter) -> Tensor:
    """Return windows, B×T×V×3, varied in units of the size at which each person is seen.

    mirrorable: of each, whether it may be mirrored.
    """
    known = _known(windows, spec)
    pivot = torch.zeros(1, 1, 1, 2) if spec.normalisation == "trunk" else _box(windows[..., :2], known)[0]
    around = torch.cat([pivot, torch.zeros_like(pivot[..., :1])], dim=3)
    windows = augmenter.flipped(windows - around, mirrorable) + around
    position, confidence = windows.split([2, 1], dim=3)
    known = _known(windows, spec)
    origin, size = _box(position, known)
    lengths = torch.full((len(windows),), float(windows.shape[1]))
    seen = augmenter.tilted(augmenter.sampled((position - origin) / size, *augmenter.times(lengths)))
    return torch.cat([seen * size + origin, confidence], dim=3) * (known * augmenter.kept(len(windows)))


def _known(windows: Tensor, spec: SkeletonSpec) -> Tensor:
    """Return B×1×V×1: 1 for joints that are ever seen, else 0."""
    return (windows[..., 2:].amax(dim=1, keepdim=True) >= spec.least_confidence).float()


def _box(position: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return middle (B×1×1×2) and longer side (B×1×1×1) of the box around the known joints of each window."""
    there = known.expand_as(position) > 0
    least = position.masked_fill(~there, torch.inf).amin(dim=(1, 2), keepdim=True)
    most = position.masked_fill(~there, -torch.inf).amax(dim=(1, 2), keepdim=True)
    anything = there.any(dim=1, keepdim=True).any(dim=2, keepdim=True)
    least, most = least.where(anything, torch.zeros(1)), most.where(anything, torch.ones(1))
    return (least + most) / 2, (most - least).amax(dim=3, keepdim=True).clamp(min=1e-6)

"""What training draws: windows of clips in random crops and moments, the same whenever an epoch is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from har_ros.finetune.augment import Augmentation
from har_ros.finetune.sampler import SEED
from har_ros.learning.embed import hop_of
from har_ros.learning.windows import windows
from har_ros.models.card import ModelCard
from har_ros.recordings.bag import open_recording


@dataclass(frozen=True)
class ClipSource:
    """The clips that are drawn from. paths, classes: of each. length: frames of a window."""

    paths: Sequence[Path]
    classes: Sequence[int]
    card: ModelCard
    length: int
    unmirrored: frozenset[int] = field(default_factory=frozenset)
    mirror: bool = True


class RandomClips(Dataset[tuple[Tensor, int]]):
    """A random window of each clip, cropped and mirrored at random; the same for the same epoch and number."""

    def __init__(self, source: ClipSource) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        """Return frames, uint8 T×H×W×3 RGB, and the class. key: epoch and number of the clip."""
        epoch, number = key
        source, label = self._source, self._source.classes[number]
        augmentation = Augmentation(mirror=source.mirror and label not in source.unmirrored)
        rng = np.random.default_rng([SEED, epoch, number])
        found = _windows(source.paths[number], augmentation.wide(source.card), augmentation.long(source.length))
        frames = found[int(rng.integers(len(found)))]
        size = (source.card.images.height, source.card.images.width)
        return torch.from_numpy(augmentation.draw(frames, source.length, size, rng)), label


class FixedClips(Dataset[tuple[Tensor, int]]):
    """The first window of each clip, as the network sees it when it runs."""

    def __init__(self, source: ClipSource) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source.paths)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """Return frames, uint8 T×H×W×3 RGB, and the class."""
        source = self._source
        return torch.from_numpy(_windows(source.paths[number], source.card, source.length)[0]), source.classes[number]


def _windows(path: Path, card: ModelCard, length: int) -> list[NDArray[np.uint8]]:
    _, cameras = windows(open_recording(path), card, length, hop_of(length), lambda clip: clip.frames.copy())
    return [window.seen for found in cameras.values() for window in found]

"""What training draws: windows of clips in random crops and moments, the same whenever an epoch is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from har_ros.finetune.augment import Augmentation
from har_ros.learning.embed import hop_of
from har_ros.learning.windows import windows
from har_ros.models.card import ModelCard
from har_ros.recordings.bag import open_recording

SEED = 1


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


class EpochSampler(Sampler[tuple[int, int]]):
    """All clips in an order of the epoch's own, divided among the processes that train together.

    Each process gets as many, some of them twice where they do not divide evenly: it takes as many steps as the
    others, which wait for its gradients.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the beginning of each epoch, also of one that is resumed."""
        self._epoch = epoch

    def __len__(self) -> int:
        return -(-self._count // self._world)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([SEED, self._epoch]).permutation(self._count)
        own = np.resize(order, len(self) * self._world)[self._rank :: self._world]
        return iter([(self._epoch, int(number)) for number in own])

    @property
    def _rank(self) -> int:
        return torch.distributed.get_rank() if self._together else 0

    @property
    def _world(self) -> int:
        return torch.distributed.get_world_size() if self._together else 1

    @property
    def _together(self) -> bool:
        return bool(torch.distributed.is_available() and torch.distributed.is_initialized())

"""The order in which clips are drawn: the same whenever an epoch is run, and divided among processes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler

SEED = 1


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

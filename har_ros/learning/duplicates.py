"""Near-duplicates: clips that show the same moments, however they were encoded, cut or mirrored.

The numbers are measured: of 20 clips of the Surveillance Camera Fight Dataset, the copies at half the size, mirrored
and with half of the images were found, and 18 of the second halves; among all 200 clips one pair that is none, of the
same camera eleven seconds later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.learning.embed import LOOK, hop_of
from har_ros.learning.samples import Samples

MOTION_STEP = 8
"""Looks from one to that from which it is subtracted: a third of a second with I3D's 25 Hz; less in short windows."""
ALIKE, MOVE_ALIKE = 0.95, 0.8
"""Correlation of two looks of the same moment, and of what moves in them; a camera's view at rest is no moment."""
STILL = 1.0
"""Standard deviation of a look's motion, in grey levels of 256, below which nothing moves."""
MOMENTS = 3
"""Looks that two clips share when they are duplicates, at least, of those that are half of a motion apart."""
CHUNK = 1 << 25
"""Pairs of looks that are compared at a time, at most."""
Looks = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two examples, by number, that show the same moments. mirrored: one of them is the other's mirror image."""

    one: int
    other: int
    mirrored: bool


def near_duplicates(samples: Samples) -> list[Pair]:
    """Return all pairs of examples of different recordings that show the same moments."""
    plain = _described(samples.looks, samples.example)
    mirrored = _described(samples.looks[..., ::-1], samples.example)
    pairs: dict[tuple[int, int], bool] = {}
    for described, flipped in ((plain, False), (mirrored, True)):
        for pair in _matches(plain, described):
            pairs.setdefault(pair, flipped)
    found = [Pair(one, other, flipped) for (one, other), flipped in sorted(pairs.items())]
    examples = samples.examples
    return [pair for pair in found if examples[pair.one].path != examples[pair.other].path]


def joined(samples: Samples, pairs: Sequence[Pair]) -> Samples:
    """Return the samples with the groups of near-duplicates made one, under the name of the first."""
    names = {group: group for group in samples.groups.tolist()}

    def root(group: str) -> str:
        while names[group] != group:
            group = names[group]
        return group

    for pair in pairs:
        first, second = sorted(root(samples.examples[number].group) for number in (pair.one, pair.other))
        names[second] = first
    return replace(samples, examples=tuple(replace(one, group=root(one.group)) for one in samples.examples))


@dataclass(frozen=True)
class _Described:
    """The looks in which something moves, and their motion, of unit length.

    example: whose they are. step: looks from one to that from which it is subtracted.
    """

    look: Looks
    motion: Looks
    example: NDArray[np.int64]
    step: int


def _described(looks: NDArray[np.uint8], example: NDArray[np.int64]) -> _Described:
    count, frames = looks.shape[:2]
    step = max(1, min(MOTION_STEP, frames // 4))
    motion = looks[:, step:].astype(np.int16) - looks[:, : frames - step]
    moves = motion.reshape(count, frames - step, -1).std(axis=2) > STILL
    goes_on = np.flatnonzero(example[1:] == example[:-1]) + 1  # begins with what the window before ends with
    moves[goes_on, : max(0, frames - hop_of(frames) - step)] = False
    look = looks[:, : frames - step][moves]
    owner = np.broadcast_to(example[:, None], moves.shape)[moves]
    return _Described(_unit(look), _unit(motion[moves]), owner, step)


def _unit(rows: NDArray[Any]) -> Looks:
    flat = rows.reshape(len(rows), LOOK * LOOK).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3))


def _matches(one: _Described, other: _Described) -> list[tuple[int, int]]:
    """Return the pairs of examples that share MOMENTS looks. Some of `one` are enough, compared with all others."""
    shared: Counter[tuple[int, int]] = Counter()
    chosen = np.arange(0, len(one.look), max(1, one.step // 2))
    for rows in np.array_split(chosen, max(1, len(chosen) * len(other.look) // CHUNK)):
        i, j = np.nonzero(one.look[rows] @ other.look.T > ALIKE)
        keep = one.example[rows[i]] < other.example[j]
        look, j = rows[i[keep]], j[keep]
        same = np.einsum("nd,nd->n", one.motion[look], other.motion[j]) > MOVE_ALIKE
        pairs = zip(one.example[look[same]].tolist(), other.example[j[same]].tolist(), look[same].tolist(), strict=True)
        shared.update((first, second) for first, second, _ in set(pairs))
    return [pair for pair, moments in shared.items() if moments >= MOMENTS]

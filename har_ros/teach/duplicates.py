"""Near-duplicates: clips that show the same moments, however they were encoded, cut or mirrored.

The numbers are measured: of 20 clips of the Surveillance Camera Fight Dataset, the copies at half the size, mirrored
and with half of the images were found, and 18 of the second halves; among all 200 clips no pair that is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from har_ros.teach.samples import Samples

MOTION_STEP = 8
"""Looks from one to that from which it is subtracted: a third of a second with I3D's 25 Hz; less in short windows."""
ALIKE, MOVE_ALIKE = 0.95, 0.8
"""Correlation of two looks of the same moment, and of what moves in them; a camera's view at rest is no moment."""
STILL = 1.0
"""Standard deviation of a look's motion, in grey levels of 256, below which nothing moves."""
MOMENTS = 3
"""Looks that two clips share when they are duplicates, at least, of every STRIDE-th."""
STRIDE = 4
CHUNK = 2048
Looks = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two examples, by number, that show the same moments. mirrored: one of them is the other's mirror image."""

    one: int
    other: int
    mirrored: bool


def near_duplicates(samples: Samples) -> list[Pair]:
    """Return all pairs of examples of different recordings that show the same moments."""
    still, owner = _described(samples.looks, samples.example)
    mirrored, _ = _described(samples.looks[..., ::-1], samples.example)
    pairs: dict[tuple[int, int], bool] = {}
    for described, flipped in ((still, False), (mirrored, True)):
        for pair in _matches(still, described, owner):
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
    """Looks and their motion, of unit length; moves: whether anything does."""

    look: Looks
    motion: Looks
    moves: NDArray[np.bool_]


def _described(looks: NDArray[np.uint8], example: NDArray[np.int64]) -> tuple[_Described, NDArray[np.int64]]:
    count, frames = looks.shape[:2]
    flat = looks.reshape(count, frames, -1).astype(np.float32)
    step = max(1, min(MOTION_STEP, frames // 4))
    motion = flat[:, step:] - flat[:, : frames - step]
    look = flat[:, : frames - step].reshape(-1, flat.shape[-1])
    motion = motion.reshape(look.shape)
    moves = motion.std(axis=1) > STILL
    return _Described(_unit(look), _unit(motion), moves), np.repeat(example, frames - step)


def _unit(rows: Looks) -> Looks:
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-3))


def _matches(one: _Described, other: _Described, owner: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the pairs of examples that share MOMENTS looks. Some of `one` are enough, compared with all others."""
    shared: Counter[tuple[int, int]] = Counter()
    chosen = np.flatnonzero(one.moves)[::STRIDE]
    for rows in np.array_split(chosen, max(1, len(chosen) // CHUNK)):
        i, j = np.nonzero((one.look[rows] @ other.look.T > ALIKE) & other.moves[None])
        keep = owner[rows[i]] < owner[j]
        look, j = rows[i[keep]], j[keep]
        same = np.einsum("nd,nd->n", one.motion[look], other.motion[j]) > MOVE_ALIKE
        found = {(int(owner[a]), int(owner[b]), int(a)) for a, b in zip(look[same], j[same], strict=True)}
        shared.update((first, second) for first, second, _ in found)
    return [pair for pair, moments in shared.items() if moments >= MOMENTS]

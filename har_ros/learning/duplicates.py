"""Near-duplicates: clips that show the same moments, however they were encoded, cut or mirrored.

Two clips show the same moments when one changes as the other does, for RUN looks in a row, and looks like it as well:
another person who does the same in the same place changes alike, but looks different. A k-d tree over short
descriptions finds the runs that are worth a comparison, so that not every clip is compared with every other.
benchmarks/duplicates.py measures it; the limits lie in the gap between real twins and all other pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from har_ros.learning.embed import LOOK
from har_ros.learning.samples import Samples

RUN = 16
"""Looks in a row that are compared: two thirds of a second with I3D's 25 Hz. Half of the window, where it is short."""
ALIKE = 0.85
"""Correlation, from which on two runs change alike."""
DIFFERENT, NOISE = 0.4, 2.0
"""How much two runs that look alike differ: by DIFFERENT of their variance in time, and by the noise of encoding, at
most; grey levels of 256."""
SAME, FRAMED = 0.95, 2.0
"""Correlation from which on two runs may differ FRAMED times as much: a picture that lost a few percent at its borders
changes alike, and looks a little different everywhere."""
STILL = 0.5
"""Standard deviation in time, in grey levels, below which nothing happens in a run: a view at rest is no moment."""
PARTS = 4
"""Of the time and of each side, whose averages describe a run."""
DIMENSIONS = (10, 4)
"""Numbers that are kept of how a run changes, and of what it looks like."""
RADIUS = 0.2
"""How far the descriptions of two runs are from each other, at most, when their windows are compared."""
TOGETHER = 64
"""Runs that are looked up, and pairs of windows that are compared, at a time."""
DESCRIBED = 1 << 14
"""Runs whose descriptions are made short at a time."""
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two examples, by number, that show the same moments. mirrored: one of them is the other's mirror image."""

    one: int
    other: int
    mirrored: bool


def near_duplicates(samples: Samples) -> list[Pair]:
    """Return all pairs of examples of different recordings that show the same moments."""
    with threadpool_limits(1):  # for small matrices, more threads are slower
        return _found(samples)


def _found(samples: Samples) -> list[Pair]:
    plain = _seen(samples.looks)
    window, start = plain.eventful()
    if not len(window):
        return []
    described = zip(DIMENSIONS, plain.described(window, start), strict=True)
    bases = [PCA(min(count, *part.shape)).fit(part) for count, part in described]
    recordings = np.unique([str(example.path) for example in samples.examples], return_inverse=True)[1]
    pairs: dict[tuple[int, int], bool] = {}
    for seen, flipped in ((plain, False), (_seen(samples.looks[..., ::-1]), True)):
        owner, begin = seen.spaced()
        tree = cKDTree(_compressed(seen, owner, begin, bases))
        for one, other in _candidates(tree, _compressed(plain, window, start, bases), window, owner):
            first, second = samples.example[one], samples.example[other]
            apart = np.flatnonzero(recordings[first] != recordings[second])
            for part in np.array_split(apart, len(apart) // TOGETHER + 1):
                same = part[_same(plain, one[part], seen, other[part])]
                for pair in zip(first[same].tolist(), second[same].tolist(), strict=True):
                    pairs.setdefault((min(pair), max(pair)), flipped)
    return [Pair(one, other, flipped) for (one, other), flipped in sorted(pairs.items())]


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
class _Seen:
    """The looks of n windows of T, uint8 n×T×LOOK×LOOK, and all of their S runs of `length`.

    spread: variance in time of a run, n×S, of looks as _units has them. contrast: variance of its pixels in grey
    levels, n×S. means: of the parts of these looks, n×T×PARTS².
    """

    looks: NDArray[np.uint8]
    length: int
    spread: Floats
    contrast: Floats
    means: Floats

    @cached_property
    def moves(self) -> NDArray[np.bool_]:
        """Whether something happens in a run, n×S."""
        return np.asarray(self.spread * self.contrast > STILL**2)

    @cached_property
    def _summed(self) -> NDArray[np.float64]:
        """The sums of the means of the looks before each, n×(T+1)×PARTS²."""
        return np.pad(np.cumsum(self.means, axis=1, dtype=np.float64), ((0, 0), (1, 0), (0, 0)))

    def spaced(self) -> tuple[Ints, Ints]:
        """Return window and first look of the runs in which something happens, of some in a row one."""
        moves = self.moves.copy()
        moves[:, np.arange(moves.shape[1]) % max(1, self.length // 8) > 0] = False
        window, start = np.nonzero(moves)
        return window, start

    def eventful(self) -> tuple[Ints, Ints]:
        """Return window and first look of those in which most happens: one of as many in a row as a run has looks."""
        window, start = np.nonzero(self.moves)
        order = np.lexsort((-(self.spread * self.contrast)[window, start], start // self.length, window))
        window, start = window[order], start[order]
        _, first = np.unique(window * self.looks.shape[1] + start // self.length, return_index=True)
        return window[first], start[first]

    def described(self, window: Ints, start: Ints) -> tuple[Floats, Floats]:
        """Return short descriptions of runs: how they change, and what they look like; r×numbers each.

        Averages are nearer to each other than what they are averages of, so runs that are alike are near each other.
        """
        length = self.length
        edges = np.unique(np.linspace(0, length, PARTS + 1).astype(int))
        parts = np.diff(self._summed[window[:, None], start[:, None] + edges], axis=1)
        many = np.diff(edges)[:, None]
        mean = parts.sum(axis=1) / length
        change = (parts - many * mean[:, None]) / np.sqrt(many * length * self.spread[window, start][:, None, None])
        return change.reshape(len(mean), -1), mean


def _seen(looks: NDArray[np.uint8]) -> _Seen:
    """Describe the windows' looks, n×T×LOOK×LOOK."""
    length, side = max(2, min(RUN, looks.shape[1] // 2)), LOOK // PARTS
    parts = []
    for begin in range(0, max(1, len(looks)), TOGETHER):  # all as float32 take four times the memory, and more
        flat, size = _units(looks[begin : begin + TOGETHER])
        contrast = sliding_window_view(size[..., 0] ** 2 / LOOK**2, length, axis=1).mean(axis=2)
        mean = np.sum([flat[:, t : t + contrast.shape[1]] for t in range(length)], axis=0) / length
        spread = np.maximum(1 - (mean**2).sum(axis=2), 0)
        small = flat.reshape(*flat.shape[:2], PARTS, side, PARTS, side).mean(axis=(3, 5)) * side
        parts.append((spread, contrast, small.reshape(*small.shape[:2], PARTS**2)))
    return _Seen(looks, length, *(np.concatenate(part) for part in zip(*parts, strict=True)))


def _units(looks: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Return windows' looks, each less its mean and of unit length, n×T×LOOK², and their lengths, n×T×1."""
    flat = looks.reshape(*looks.shape[:2], LOOK * LOOK).astype(np.float32)
    flat -= flat.mean(axis=2, keepdims=True)
    size = np.linalg.norm(flat, axis=2, keepdims=True)
    flat /= np.maximum(size, 1e-3)
    return flat, size


def _compressed(seen: _Seen, window: Ints, start: Ints, bases: Sequence[PCA]) -> Floats:
    found = []
    for begin in range(0, max(1, len(window)), DESCRIBED):
        parts = seen.described(window[begin : begin + DESCRIBED], start[begin : begin + DESCRIBED])
        found.append(np.concatenate([basis.transform(part) for basis, part in zip(bases, parts, strict=True)], axis=1))
    return np.concatenate(found)


def _candidates(tree: cKDTree, described: Floats, window: Ints, owner: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs of windows that have runs which are described alike: `window` of these, and `owner` of the tree's."""
    count = int(owner.max(initial=0)) + 1
    for begin in range(0, len(described), TOGETHER):
        near = tree.query_ball_point(described[begin : begin + TOGETHER], RADIUS)
        one = np.repeat(window[begin : begin + len(near)], [len(others) for others in near])
        other = owner[np.concatenate([np.asarray(others, np.int64) for others in near])]
        yield np.divmod(np.unique(one * count + other), count)


def _same(one: _Seen, first: Ints, other: _Seen, second: Ints) -> NDArray[np.bool_]:
    """Say of pairs of windows whether two of their runs show the same moments."""
    length = one.length
    alike = _units(one.looks[first])[0] @ _units(other.looks[second])[0].transpose(0, 2, 1)
    runs = alike.shape[1] - length + 1
    similar = sum(alike[:, t : t + runs, t : t + runs] for t in range(length)) / length
    summed = np.pad(alike.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    rows = summed[:, length:] - summed[:, :-length]
    means = (rows[:, :, length:] - rows[:, :, :-length]) / length**2
    spread, contrast = (
        np.sqrt(a[first][:, :, None] * b[second][:, None])
        for a, b in ((one.spread, other.spread), (one.contrast, other.contrast))
    )
    moves = one.moves[first][:, :, None] & other.moves[second][:, None]
    changes, most = similar - means, DIFFERENT * spread + NOISE**2 / contrast
    most[changes > SAME * spread] *= FRAMED
    same = moves & (changes > ALIKE * spread) & (2 * (1 - similar) < most)
    return np.asarray(same.any(axis=(1, 2)))

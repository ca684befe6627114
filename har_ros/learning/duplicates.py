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

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from har_ros.learning.embed import LOOK
from har_ros.learning.samples import Samples
from har_ros.stats.metrics import Ints

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
LOST = (1 / 32, 1 / 16)
"""Shares of the picture at each border that a copy may be without: half a pixel of a look, and one."""
STILL = 0.5
"""Standard deviation in time, in grey levels, below which nothing happens in a run: a view at rest is no moment."""
PARTS = 4
"""Of the time and of each side, whose averages describe a run."""
DIMENSIONS = (10, 4)
"""Numbers that are kept of how a run changes, and of what it looks like."""
RADIUS = 0.1
"""How far the descriptions of two runs are from each other, at most, when their windows are compared: with the nearest
runs of copies it was 0.075 at most, however they were changed, and twice the radius takes four times as long."""
TOGETHER = 64
"""Runs that are looked up, and pairs of windows that are compared, at a time."""
DESCRIBED = 1 << 14
"""Runs whose descriptions are made short at a time."""
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two examples, by number, that show the same moments. mirrored: one of them is the other's mirror image."""

    one: int
    other: int
    mirrored: bool


def near_duplicates(samples: Samples, sides: Ints | None = None) -> list[Pair]:
    """Return pairs of examples that show the same moments: of each group of such examples, as many as join it.

    sides: of each example; those of one side are not compared. Without it, the examples of one recording are not.
    """
    if samples.looks.shape[1] < 2:  # nothing changes in one image
        return []
    if sides is None:
        sides = np.unique([str(example.path) for example in samples.examples], return_inverse=True)[1]
    with threadpool_limits(1):  # for small matrices, more threads are slower
        return _found(samples, sides)


def _found(samples: Samples, sides: Ints) -> list[Pair]:
    plain = _seen(samples.looks)
    window, start = plain.eventful()
    if not len(window):
        return []
    described = zip(DIMENSIONS, plain.described(window, start), strict=True)
    bases = [PCA(min(count, *part.shape)).fit(part) for count, part in described]
    lookups = _compressed(plain, window, start, bases)
    groups = np.arange(len(samples.examples))
    pairs = []
    for seen, flipped in _views(plain):
        owner, begin = seen.spaced()
        tree = cKDTree(_compressed(seen, owner, begin, bases))
        one, other = _candidates(tree, lookups, window, owner, sides[samples.example])
        first, second = samples.example[one], samples.example[other]
        for part in np.array_split(np.arange(len(one)), len(one) // TOGETHER + 1):
            part = part[groups[first[part]] != groups[second[part]]]
            part = part[_may_be_same(plain, one[part], seen, other[part])]
            part = part[_same(plain, one[part], seen, other[part])]
            for pair in zip(first[part].tolist(), second[part].tolist(), strict=True):
                if groups[pair[0]] != groups[pair[1]]:
                    groups[groups == groups[pair[1]]] = groups[pair[0]]
                    pairs.append(Pair(min(pair), max(pair), flipped))
        del seen  # before the next is made
    return sorted(pairs, key=lambda pair: (pair.one, pair.other))


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
    levels, n×S. summed: the sums of the parts of the looks before each, n×(T+1)×PARTS×PARTS; their scale is such that
    parts are never further apart than looks.
    """

    looks: NDArray[np.uint8]
    length: int
    spread: Singles
    contrast: Singles
    summed: NDArray[np.float64]

    @cached_property
    def moves(self) -> NDArray[np.bool_]:
        """Whether something happens in a run, n×S."""
        return np.asarray(self.spread * self.contrast > STILL**2)

    def mirrored(self) -> _Seen:
        """Return what is seen of the mirror images."""
        return replace(self, looks=self.looks[..., ::-1], summed=self.summed[..., ::-1])

    def means(self, window: Ints) -> Singles:
        """Return the mean parts of all runs of windows, w×S×PARTS²."""
        summed = self.summed[window].reshape(len(window), self.summed.shape[1], PARTS**2)
        return ((summed[:, self.length :] - summed[:, : -self.length]) / self.length).astype(np.float32)

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

    def described(self, window: Ints, start: Ints) -> tuple[Singles, Singles]:
        """Return short descriptions of runs: how they change, and what they look like; r×numbers each.

        Averages are nearer to each other than what they are averages of, so runs that are alike are near each other.
        """
        length = self.length
        edges = np.unique(np.linspace(0, length, PARTS + 1).astype(int))
        parts = np.diff(self.summed[window[:, None], start[:, None] + edges], axis=1)
        parts = parts.reshape(*parts.shape[:2], PARTS**2)
        many = np.diff(edges)[:, None]
        mean = parts.sum(axis=1) / length
        change = (parts - many * mean[:, None]) / np.sqrt(many * length * self.spread[window, start][:, None, None])
        return change.reshape(len(mean), -1), mean


def _seen(looks: NDArray[np.uint8]) -> _Seen:
    """Describe the windows' looks, n×T×LOOK×LOOK."""
    count, times = looks.shape[:2]
    length, side = max(2, min(RUN, times // 2)), LOOK // PARTS
    spread, contrast = np.empty((2, count, times - length + 1), np.float32)
    summed = np.zeros((count, times + 1, PARTS, PARTS))
    for begin in range(0, count, TOGETHER):  # all as float32 take four times the memory, and more
        some = slice(begin, begin + TOGETHER)
        flat, size = _units(looks[some])
        contrast[some] = sliding_window_view(size[..., 0] ** 2 / LOOK**2, length, axis=1).mean(axis=2)
        mean = np.sum([flat[:, t : t + spread.shape[1]] for t in range(length)], axis=0) / length
        spread[some] = np.maximum(1 - (mean**2).sum(axis=2), 0)
        small = flat.reshape(*flat.shape[:2], PARTS, side, PARTS, side).mean(axis=(3, 5)) * side
        np.cumsum(small, axis=1, out=summed[some, 1:])
    return _Seen(looks, length, spread, contrast, summed)


def _views(plain: _Seen) -> Iterator[tuple[_Seen, bool]]:
    """Yield what a copy may show of the windows, and whether it is mirrored: all first, then without its borders."""
    for lost in (0.0, *LOST):
        seen = _seen(_without_borders(plain.looks, lost)) if lost else plain
        yield seen, False
        yield seen.mirrored(), True
        del seen  # before the next is made


def _without_borders(looks: NDArray[np.uint8], lost: float) -> NDArray[np.uint8]:
    """Return looks, n×T×LOOK×LOOK, as they are when a share of the picture is lost at each border."""
    across = np.arange(LOOK, dtype=np.float32)
    at = (across + 0.5) * (1 - 2 * lost) + LOOK * lost - 0.5
    rows, columns = np.meshgrid(at, across, indexing="ij")
    weights = cv2.remap(np.eye(LOOK, dtype=np.float32), columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inner = np.empty_like(looks)
    for begin in range(0, len(looks), TOGETHER):
        some = slice(begin, begin + TOGETHER)
        inner[some] = np.clip(weights @ looks[some].astype(np.float32) @ weights.T, 0, 255)
    return inner


def _units(looks: NDArray[np.uint8]) -> tuple[Singles, Singles]:
    """Return windows' looks, each less its mean and of unit length, n×T×LOOK², and their lengths, n×T×1."""
    flat = looks.reshape(*looks.shape[:2], LOOK * LOOK).astype(np.float32)
    flat -= flat.mean(axis=2, keepdims=True)
    size = np.linalg.norm(flat, axis=2, keepdims=True)
    flat /= np.maximum(size, 1e-3)
    return flat, size


def _compressed(seen: _Seen, window: Ints, start: Ints, bases: Sequence[PCA]) -> Singles:
    found = []
    for begin in range(0, max(1, len(window)), DESCRIBED):
        parts = seen.described(window[begin : begin + DESCRIBED], start[begin : begin + DESCRIBED])
        found.append(np.concatenate([basis.transform(part) for basis, part in zip(bases, parts, strict=True)], axis=1))
    return np.concatenate(found)


def _candidates(tree: cKDTree, described: Singles, window: Ints, owner: Ints, sides: Ints) -> tuple[Ints, Ints]:
    """Return pairs of windows of two sides that have runs which are described alike: of these, and of the tree's.

    window, owner: of the runs that are described, and of the tree's. sides: of each window. The pairs are in order.
    """
    count, found = len(sides), [np.zeros(0, np.int64)]
    for begin in range(0, len(described), TOGETHER):
        near = tree.query_ball_point(described[begin : begin + TOGETHER], RADIUS)
        one = np.repeat(window[begin : begin + len(near)], [len(others) for others in near])
        other = owner[np.concatenate([np.asarray(others, np.int64) for others in near])]
        pairs = np.unique(one * count + other)
        found.append(pairs[sides[pairs // count] != sides[pairs % count]])
    return np.divmod(np.unique(np.concatenate(found)), count)


def _limits(one: _Seen, first: Ints, other: _Seen, second: Ints) -> tuple[NDArray[np.bool_], Singles, Singles]:
    """Return of all pairs of runs of pairs of windows whether both move, their spread, and how much they may differ."""
    spread, contrast = (
        np.sqrt(a[first][:, :, None] * b[second][:, None])
        for a, b in ((one.spread, other.spread), (one.contrast, other.contrast))
    )
    moves = one.moves[first][:, :, None] & other.moves[second][:, None]
    return moves, spread, DIFFERENT * spread + NOISE**2 / contrast


def _may_be_same(one: _Seen, first: Ints, other: _Seen, second: Ints) -> NDArray[np.bool_]:
    """Say of pairs of windows whether _same may be true of them, in a thirtieth of its time: it is of no other.

    The means of two runs are not further apart than the runs.
    """
    means, others = one.means(first), other.means(second)
    apart = (means**2).sum(axis=2)[:, :, None] + (others**2).sum(axis=2)[:, None]
    apart -= 2 * means @ others.transpose(0, 2, 1)
    moves, _, most = _limits(one, first, other, second)
    return np.asarray((moves & (apart < FRAMED * most + 1e-5)).any(axis=(1, 2)))


def _same(one: _Seen, first: Ints, other: _Seen, second: Ints) -> NDArray[np.bool_]:
    """Say of pairs of windows whether two of their runs show the same moments."""
    length = one.length
    alike = _units(one.looks[first])[0] @ _units(other.looks[second])[0].transpose(0, 2, 1)
    runs = alike.shape[1] - length + 1
    similar = sum(alike[:, t : t + runs, t : t + runs] for t in range(length)) / length
    summed = np.pad(alike.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    rows = summed[:, length:] - summed[:, :-length]
    means = (rows[:, :, length:] - rows[:, :, :-length]) / length**2
    moves, spread, most = _limits(one, first, other, second)
    changes = similar - means
    most[changes > SAME * spread] *= FRAMED
    same = moves & (changes > ALIKE * spread) & (2 * (1 - similar) < most)
    return np.asarray(same.any(axis=(1, 2)))

"""Windows with labels: which windows of a recording teach what, by the rule of truth.labelling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import SECOND
from har_ros.learning.dataset import Material, labels_of
from har_ros.learning.embed import Windows
from har_ros.truth.labelling import overlap
from har_ros.truth.segments import NONE, Segment

BLOCK = 10 * SECOND
"""Of background, which counts as one clip."""
NOBODY = -1
"""The owner of a window that no segment labels."""


@dataclass(frozen=True)
class Example:
    """What counts as one clip: a file, a segment of a recording, or a stretch of its background.

    label: number of its class. start, end: nanoseconds from the recording's first image.
    """

    name: str
    path: Path
    camera: str
    label: int
    group: str
    start: int
    end: int


@dataclass(frozen=True)
class Samples:
    """n windows of m examples of C classes.

    labels: C names. example: of each window, int64 n. embeddings: float32 n×views×D. looks: uint8 n×frames×side×side.
    background: float32 b×D, further windows of none, the last class, that are taught in every fold and never tested.
    """

    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    example: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    looks: NDArray[np.uint8]
    background: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def classes(self) -> NDArray[np.int64]:
        """Class of each example, m."""
        return np.array([example.label for example in self.examples], np.int64)

    @property
    def groups(self) -> NDArray[np.str_]:
        """Group of each example, m."""
        return np.array([example.group for example in self.examples])

    def with_none(self) -> Samples:
        """Return the samples with none as the last label, also where no example is of it."""
        return self if NONE in self.labels else replace(self, labels=(*self.labels, NONE))

    def of_class(self, label: int) -> list[Example]:
        """Return the examples of a class."""
        return [example for example in self.examples if example.label == label]


@dataclass
class _Found:
    """An example in the making."""

    name: str
    label: str
    start: int
    end: int
    windows: list[int]


def gather(materials: Iterable[Material], windows: Mapping[Path, Sequence[Windows]], background: bool) -> Samples:
    """Give the windows their labels. Raises ConfigurationError when they cannot be taught with.

    background: let what lies between segments be a class of its own, where it is found in two groups at least.
    """
    materials = list(materials)
    found = _found(materials, windows, background)
    named = {segment.label for material, _, _ in found for segment in material.segments}
    if NONE not in named and len({m.group for m, _, one in found if one.label == NONE and m.label is None}) == 1:
        found = [item for item in found if item[2].label != NONE]
    names = {one.label for _, _, one in found}
    for label in labels_of(materials):
        if label not in names | {NONE}:
            raise ConfigurationError(
                f"no window shows {label!r}: its clips cannot be read, or its segments lie outside of their recordings "
                "or within others; fix or remove them"
            )
    labels = tuple(sorted(names - {NONE}) + [NONE] * (NONE in names))
    samples = _samples(found, labels, windows)
    _refuse_few(labels, samples.examples)
    return samples


def gather_tests(
    materials: Iterable[Material], windows: Mapping[Path, Sequence[Windows]], labels: tuple[str, ...]
) -> Samples:
    """Give the windows of a test set the labels that were taught. Raises ConfigurationError for other labels."""
    materials = list(materials)
    if unknown := [label for label in labels_of(materials) if label not in labels]:
        raise ConfigurationError(
            f"the test set has the class {unknown[0]!r}, but taught are {', '.join(labels)}; rename or remove it, or "
            "see --label-map"
        )
    found = _found(materials, windows, NONE in labels)
    if not found:
        raise ConfigurationError("no window of the test set shows any class; give clips or segments of the classes")
    return _samples(found, labels, windows)


def _found(
    materials: Iterable[Material], windows: Mapping[Path, Sequence[Windows]], background: bool
) -> list[tuple[Material, Windows, _Found]]:
    """Return what has windows, in the order of the materials."""
    found: list[tuple[Material, Windows, _Found]] = []
    for material in materials:
        for seen in windows.get(material.path, ()):
            whole = material.label is not None
            own = _whole(material, seen) if whole else _of_segments(material, seen, background)
            found += [(material, seen, one) for one in own if one.windows]
    return found


def _samples(
    found: Sequence[tuple[Material, Windows, _Found]],
    labels: tuple[str, ...],
    windows: Mapping[Path, Sequence[Windows]],
) -> Samples:
    return Samples(
        labels,
        tuple(_example(*item, labels, several=len(windows[item[0].path]) > 1) for item in found),
        np.repeat(np.arange(len(found)), [len(one.windows) for _, _, one in found]),
        np.concatenate([seen.embeddings[one.windows] for _, seen, one in found]),
        np.concatenate([seen.looks[one.windows] for _, seen, one in found]),
    )


def _example(material: Material, seen: Windows, one: _Found, labels: tuple[str, ...], several: bool) -> Example:
    """several: whether the recording has other cameras, so that the name says which."""
    name = f"{one.name} {seen.camera}" if several else one.name
    return Example(name, material.path, seen.camera, labels.index(one.label), material.group, one.start, one.end)


def only(samples: Samples, examples: NDArray[np.int64]) -> Samples:
    """Return the samples of these examples, whose numbers ascend."""
    kept = np.isin(samples.example, examples)
    return Samples(
        samples.labels,
        tuple(samples.examples[number] for number in examples),
        np.searchsorted(examples, samples.example[kept]),
        samples.embeddings[kept],
        samples.looks[kept],
    )


def _whole(material: Material, seen: Windows) -> list[_Found]:
    end = int(seen.end.max(initial=seen.first)) - seen.first
    return [_Found(material.name, str(material.label), 0, end, list(range(len(seen.start))))]


def _of_segments(material: Material, seen: Windows, background: bool) -> list[_Found]:
    """Give each window to the segment of which it shares most, to one of "none" only where it shows no action.

    One that shows two actions teaches neither. One that is in no segment and touches no action is background.
    """
    own = [segment for segment in material.segments if segment.concerns(segment.bag, seen.camera)]
    found = [_of_segment(material.name, segment, seen.first) for segment in own]
    start, end = seen.start - seen.first, seen.end - seen.first
    actions = [one for one in found if one.label != NONE]
    pauses = [one for one in found if one.label == NONE]
    by_action, by_pause = _claims(actions, start, end), _claims(pauses, start, end)
    for number, one in enumerate(actions):
        one.windows += np.flatnonzero((by_action.owner == number) & ~by_action.disputed).tolist()
    idle = by_action.owner == NOBODY
    for number, one in enumerate(pauses):
        one.windows += np.flatnonzero((by_pause.owner == number) & idle).tolist()
    free = np.flatnonzero(idle & (by_pause.owner == NOBODY) & ~by_action.touched)
    return [*found, *(_stretches(material.name, start, end, free) if background else [])]


class _Claims(NamedTuple):
    """Which segments have which of n windows.

    owner: number of the segment of which a window shares most, NOBODY where none labels it. disputed: whether segments
    of several labels do. touched: whether any shares something.
    """

    owner: NDArray[np.int64]
    disputed: NDArray[np.bool_]
    touched: NDArray[np.bool_]


def _claims(segments: Sequence[_Found], start: NDArray[np.int64], end: NDArray[np.int64]) -> _Claims:
    owner, most = np.full(len(start), NOBODY), np.full(len(start), -1)
    touched = np.zeros(len(start), bool)
    shows = {one.label: np.zeros(len(start), bool) for one in segments}
    for number, one in enumerate(segments):
        shared, touches, labelled = overlap(start, end, one.start, one.end)
        touched |= touches
        shows[one.label] |= labelled
        more = labelled & (shared > most)
        owner[more], most[more] = number, shared[more]
    return _Claims(owner, sum(shows.values(), np.zeros(len(start), np.int64)) > 1, touched)


def _stretches(
    name: str, start: NDArray[np.int64], end: NDArray[np.int64], background: NDArray[np.int64]
) -> list[_Found]:
    """Return the windows of the background, which have these numbers, in stretches of BLOCK."""
    found: dict[int, _Found] = {}
    for index in background.tolist():
        block = int(start[index]) // BLOCK
        called = f"{name} background from {block * BLOCK // SECOND} s"
        stretch = found.setdefault(block, _Found(called, NONE, int(start[index]), 0, []))
        stretch.windows.append(index)
        stretch.end = int(end[index])
    return list(found.values())


def _of_segment(name: str, segment: Segment, first: int) -> _Found:
    start, end = (stamp - first for stamp in segment.stamps(first))
    return _Found(f"{name} {start / SECOND:g}–{end / SECOND:g} s", segment.label, start, end, [])


def _refuse_few(labels: Sequence[str], examples: Sequence[Example]) -> None:
    if len(labels) < 2:
        had = f"only {labels[0]!r}" if labels else "nothing"
        raise ConfigurationError(f"the dataset shows {had}; give clips of another class, or of {NONE} (anything else)")
    for number, label in enumerate(labels):
        own = [example for example in examples if example.label == number]
        groups = sorted({example.group for example in own})
        if len(own) < 2:
            raise ConfigurationError(
                f"the class {label!r} has one clip, {own[0].name}; give five or more, two at least, or remove it"
            )
        if len(groups) < 2:
            raise ConfigurationError(
                f"all {len(own)} clips of the class {label!r} are in one group, {groups[0]!r}, so nobody can tell how "
                "well it is recognised elsewhere; add clips of another source or person"
            )

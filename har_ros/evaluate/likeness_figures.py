"""How far a site is from what the network was taught: the share of windows beyond its limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har_ros.evaluate.judge import Judged
from har_ros.evaluate.persons import Camera, PersonWindow
from har_ros.graphs.rejection import LOSS
from har_ros.stats.intervals import Bootstrap, Figure, interval, proportion
from har_ros.stats.metrics import Bools, Floats, Ints, ratio
from har_ros.truth.labelling import COVERAGE, overlap
from har_ros.truth.segments import Classes

MUCH = 3 * LOSS
"""Share of the windows of actions from which on a site is said to be unlike what was taught."""
FEW_STREAMS = 2
"""Up to so many, an interval over streams says nothing, and that of the windows is given."""


@dataclass(frozen=True)
class StreamLikeness:
    """Of one camera's windows, or of those of the people in it: how many were compared, the share that is unlike."""

    bag: str
    camera: str
    windows: int
    unlike: float


@dataclass(frozen=True)
class LikenessFigures:
    """How far a site is from what a network was taught: windows farther from all taught windows than its limit.

    expected: the share of such windows in clips that were held out when it was taught, at most. windows, unlike: of all
    that were compared. action_windows, unlike_actions: of those in which the truth has an action. The intervals are
    over streams; of one or two, exact ones of the windows. verdict: a sentence where the site's actions are much more
    unlike than held-out clips; else empty.
    """

    expected: float
    windows: int
    unlike: Figure
    action_windows: int
    unlike_actions: Figure
    streams: list[StreamLikeness]
    verdict: str


@dataclass(frozen=True)
class ComparedWindows:
    """Windows of a camera that were compared with what was taught.

    start, end: nanoseconds. distance: from the nearest taught window, as a multiple of the limit. n of each.
    """

    start: Ints
    end: Ints
    distance: Floats


def of_images(track: Judged) -> ComparedWindows:
    """Return the windows of a track that were compared."""
    rows = track.windows[np.isfinite(track.windows["distance"])]
    return ComparedWindows(rows["start"], rows["end"], rows["distance"])


def of_people(windows: Iterable[PersonWindow]) -> dict[Camera, ComparedWindows]:
    """Return the windows of people that were compared, by camera."""
    rows: dict[Camera, list[tuple[int, int, float]]] = {}
    for window in windows:
        if window.distance is not None:
            rows.setdefault((window.bag, window.camera), []).append((window.start, window.until, window.distance))
    return {camera: ComparedWindows(*map(np.array, zip(*own, strict=True))) for camera, own in rows.items()}


def likeness_figures(
    tracks: Sequence[Judged],
    classes: Classes,
    compared: Mapping[Camera, ComparedWindows],
    taught: str,
    coverage: float = COVERAGE,
) -> LikenessFigures | None:
    """Return the figures; None where nothing was compared.

    taught: what the network is called. coverage: see truth.labelling.
    """
    own = [(track, compared[key]) for track in tracks if (key := (track.bag, track.camera)) in compared]
    own = [(track, windows) for track, windows in own if len(windows.distance)]
    if not own:
        return None
    beyond = [windows.distance > 1 for _, windows in own]
    acting = [_acting(track, classes, windows, coverage) for track, windows in own]
    of_actions = _share([one & two for one, two in zip(beyond, acting, strict=True)], acting)
    streams = [
        StreamLikeness(track.bag, track.camera, len(one), float(one.mean()))
        for (track, _), one in zip(own, beyond, strict=True)
    ]
    return LikenessFigures(
        expected=LOSS,
        windows=sum(map(len, beyond)),
        unlike=_share(beyond, [np.ones_like(one) for one in beyond]),
        action_windows=int(sum(one.sum() for one in acting)),
        unlike_actions=of_actions,
        streams=streams,
        verdict=_verdict(of_actions, taught),
    )


def _acting(track: Judged, classes: Classes, windows: ComparedWindows, coverage: float) -> Bools:
    """Return which windows show an action, by the truth."""
    shown = np.zeros(len(windows.distance), bool)
    for start, end, name in track.spans:
        if classes.of_label[name] is not None:
            shown |= overlap(windows.start, windows.end, start, end, coverage).labelled
    return shown


def _share(beyond: Sequence[NDArray[np.bool_]], all_of_them: Sequence[NDArray[np.bool_]]) -> Figure:
    """Return a share with its interval; arguments: for each stream, of its windows."""
    counts = np.array([(a.sum(), b.sum()) for a, b in zip(beyond, all_of_them, strict=True)], np.float64)
    counts = counts[counts[:, 1] > 0]
    if len(counts) <= FEW_STREAMS:
        beyond_limit, count = counts.sum(axis=0).astype(int).tolist()
        return proportion(beyond_limit, count, exact=True)
    bootstrap = Bootstrap(len(counts))
    return interval(ratio(*(bootstrap.weights @ counts).T), len(counts))


def _verdict(share: Figure, taught: str) -> str:
    """Return what to say of a share of the windows of actions, if it is much larger than that of held-out clips."""
    if not (share.value > MUCH and share.low > LOSS):
        return ""
    return (
        f"This site is unlike what {taught} was taught: {share.value:.0%} of the windows of actions are farther from "
        f"all taught windows than a limit that at most {LOSS:.0%} of those of held-out clips passed, and become none; "
        "teach it clips of this site."
    )

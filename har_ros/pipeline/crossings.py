"""When an action begins and ends, by the evidence of the windows around it.

The evidence of a window belongs to the middle of what it shows. While an action enters a window, its evidence rises to
the level that it then keeps, and half of that level is where the window's middle passes the action's start; so too at
its end. Start and end are therefore where half of the level is crossed, between two windows, whatever the limits are
with which events start and end. An action that is shorter than a window appears as long as a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class EvidenceWindow:
    """The evidence of a window: one value for each class. Stamps in nanoseconds.

    start, until: of what it shows. middle: of that, and earlier where the evidence is late. first: whether it is the
    first one of the stream, or after a restart.
    """

    scores: NDArray[Any]
    start: int
    until: int
    middle: int
    first: bool


def rise(windows: Sequence[EvidenceWindow], index: int, since: int) -> int:
    """Return when the action began that was noticed with the window whose middle is `since`.

    windows: in order, up to the newest one. index: of the action's class. The level is the highest within a window's
    length after `since`. An action that the first window shows began with that, at the latest.
    """
    span = windows[-1].until - windows[-1].start
    near = _from(windows, since - span)
    values = [float(window.scores[index]) for window in near]
    reached = [place for place, window in enumerate(near) if since <= window.middle <= since + span]
    place = max(reached, key=lambda place: values[place])
    level = values[place]
    while place and values[place - 1] >= level / 2:
        place -= 1
    if not place:
        return near[0].start if near[0].first else near[0].middle
    return _between(near[place - 1 : place + 1], values[place - 1 : place + 1], level / 2)


def fall(windows: Sequence[EvidenceWindow], index: int) -> int:
    """Return when the action ended that the newest window no longer shows.

    windows: in order. index: of the action's class. The level is the highest within a window's length before the
    newest. While the evidence is not below half of it, the action ends where its event does: before the newest window.
    """
    span = windows[-1].until - windows[-1].start
    near = _from(windows, windows[-1].middle - span)
    values = [float(window.scores[index]) for window in near]
    half = max(values[:-1]) / 2
    place = len(values) - 1
    if values[place] >= half:
        return (near[-2].middle + near[-1].middle) // 2
    while values[place - 1] < half:
        place -= 1
    return _between(near[place - 1 : place + 1], values[place - 1 : place + 1], half)


def _from(windows: Sequence[EvidenceWindow], middle: int) -> list[EvidenceWindow]:
    """Return the windows whose middles are not before this one, the one before them, and two at least, if there are."""
    place = len(windows) - 1
    while place and (windows[place].middle >= middle or place == len(windows) - 1):
        place -= 1
    return [windows[i] for i in range(place, len(windows))]


def _between(windows: Sequence[EvidenceWindow], values: Sequence[float], level: float) -> int:
    """Return where the line between two windows has this level; the values are on its two sides."""
    (first, second), (before, after) = windows, values
    part = (level - before) / (after - before) if after != before else 0.5
    return first.middle + round(min(max(part, 0.0), 1.0) * (second.middle - first.middle))

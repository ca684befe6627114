"""Two results of one video, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from threading import BoundedSemaphore
from typing import Any

from fastapi import Depends, HTTPException, Request, Response

from har_ros.service.jobs.routes import JobView
from har_ros.service.jobs.service import Running
from har_ros.service.pages.job import summary
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

MOST = 500
"""Differences on a page, at most."""
AT_ONCE = 2
"""Comparisons that are made at the same time: of long results each keeps a thread for seconds."""
routes = Routes()
_places = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Difference:
    """A time in which two results differ, in seconds, and what either says then."""

    start: float
    end: float
    first: tuple[str, ...]
    second: tuple[str, ...]


@dataclass(frozen=True)
class Differences:
    """The first ones, how many more there are, and the seconds of all together."""

    shown: tuple[Difference, ...]
    more: int
    seconds: float


def place() -> Iterator[None]:
    """Keep a place for a comparison, while it is made. For a route's dependencies. Raises HTTPException."""
    if not _places.acquire(blocking=False):
        raise HTTPException(503, f"{AT_ONCE} comparisons are being made; try again in a moment", {"Retry-After": "5"})
    try:
        yield
    finally:
        _places.release()


@routes.get("/compare", dependencies=[Depends(place, scope="function")])
def compare(request: Request, service: Running, a: str, b: str) -> Response:
    """Show two jobs beside each other."""
    jobs = [service.job(a), service.job(b)]
    views = [JobView.of(job) for job in jobs]
    if any(job.state != "done" for job in jobs):
        return page(request, "compare.html", jobs=views, found=None, between=None, same=True)
    found = [summary(service, job) for job in jobs]
    same = len({(one["video"], one["frames"]) for one in found}) == 1
    followed = [bool(job.options.get("persons")) for job in jobs]
    spans = [one["spans"] for one in found]
    if followed[0] != followed[1]:  # of the image, both say something
        spans = [[span for span in one if not span["person"]] for one in spans]
    between = differences(*spans)
    return page(request, "compare.html", jobs=views, found=found, between=between, same=same, followed=followed)


def differences(first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]) -> Differences:
    """Return when two results say different things, in order. first, second: spans with start, end, label and person.

    The numbers of people differ between results, so that only the actions of people are compared.
    """
    saying: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    apart: set[str] = set()  # what one says, or says more often than the other
    said: list[tuple[str, ...]] = []
    shown: list[Difference] = []
    start, seconds, more = 0.0, 0.0, 0
    for moment, changes in _changes(first, second):
        if apart:
            seconds += moment - start
            if len(shown) < MOST:
                shown.append(Difference(start, moment, *said))
            else:
                more += 1
        for (side, what), change in changes.items():
            saying[side][what] += change
            (apart.discard if saying[0][what] == saying[1][what] else apart.add)(what)
        start = moment
        if apart and len(shown) < MOST:
            said = [tuple(sorted(side.elements())) for side in saying]
    return Differences(tuple(shown), more, seconds)


def _changes(*results: Iterable[Mapping[str, Any]]) -> Iterator[tuple[float, dict[tuple[int, str], int]]]:
    """Yield the moments at which results say something else, and how often more or less either one says what."""
    changes = [
        (span[end], (side, f"a person: {span['label']}" if span["person"] else str(span["label"])), change)
        for side, spans in enumerate(results)
        for span in spans
        if span["start"] < span["end"]
        for end, change in (("start", 1), ("end", -1))
    ]
    for moment, together in groupby(sorted(changes), key=itemgetter(0)):
        sums: Counter[tuple[int, str]] = Counter()
        for _, what, change in together:
            sums[what] += change
        if changed := {what: change for what, change in sums.items() if change}:
            yield moment, changed

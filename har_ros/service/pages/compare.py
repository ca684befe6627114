"""Two results of one video, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from fastapi import Request, Response

from har_ros.service.jobs.routes import JobView
from har_ros.service.jobs.service import Running
from har_ros.service.pages.job import summary
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

routes = Routes()


@dataclass(frozen=True)
class Difference:
    """A time in which two results differ, in seconds, and what either says then."""

    start: float
    end: float
    first: tuple[str, ...]
    second: tuple[str, ...]

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


@routes.get("/compare")
def compare(request: Request, service: Running, a: str, b: str) -> Response:
    """Show two jobs beside each other."""
    jobs = [service.job(a), service.job(b)]
    views = [JobView.of(job) for job in jobs]
    if any(job.state != "done" for job in jobs):
        return page(request, "compare.html", jobs=views, found=None, differences=(), same=True)
    found = [summary(service, job) for job in jobs]
    same = len({(one["video"], one["frames"]) for one in found}) == 1
    followed = [bool(job.options.get("persons")) for job in jobs]
    spans = [one["spans"] for one in found]
    if followed[0] != followed[1]:  # of the image, both say something
        spans = [[span for span in one if not span["person"]] for one in spans]
    between = differences(*spans)
    return page(request, "compare.html", jobs=views, found=found, differences=between, same=same, followed=followed)


def differences(first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]) -> tuple[Difference, ...]:
    """Return when two results say different things, in order. first, second: spans with start, end, label and person.

    The numbers of people differ between results, so that only the actions of people are compared.
    """
    ours, theirs = list(first), list(second)
    moments = sorted({span[side] for span in (*ours, *theirs) for side in ("start", "end")})
    pieces = [Difference(start, end, _said(ours, start), _said(theirs, start)) for start, end in pairwise(moments)]
    runs = (list(run) for _, run in groupby(pieces, key=lambda one: (one.first, one.second)))
    merged = (Difference(run[0].start, run[-1].end, run[0].first, run[0].second) for run in runs)
    return tuple(one for one in merged if one.first != one.second)


def _said(spans: Iterable[Mapping[str, Any]], moment: float) -> tuple[str, ...]:
    """Return what is said at a moment, of the image and of people."""
    now = (span for span in spans if span["start"] <= moment < span["end"])
    return tuple(sorted(f"a person: {span['label']}" if span["person"] else str(span["label"]) for span in now))

"""The first page: send videos, and see what became of those that were sent."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from har_ros.service.folder import SUFFIXES
from har_ros.service.jobs.routes import JobView
from har_ros.service.jobs.service import Running, Service
from har_ros.service.pages.form import fields_of
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

SHOWN = 100
"""Jobs on a page, at most."""
END = float("inf")
routes = Routes()


@routes.get("/")
def home(request: Request, service: Running, before: float = END) -> Response:
    """Show a form for videos, and the jobs that were created before a time, newest first."""
    fields = fields_of(service.models, {})
    accept = ",".join(("video/*", *SUFFIXES))
    links = service.links
    return page(request, "home.html", fields=fields, accept=accept, links=links, **_jobs(service, before))


@routes.get("/history")
def history(request: Request, service: Running, before: float = END) -> Response:
    """Show the jobs only."""
    return page(request, "history.html", **_jobs(service, before))


def _jobs(service: Service, before: float) -> dict[str, Any]:
    found = service.store.newest(SHOWN + 1, before)
    jobs = [JobView.of(job) for job in found[:SHOWN]]
    older = jobs[-1].created if len(found) > SHOWN else None
    moving = any(job.ended is None for job in jobs)
    address = "/history" if before == END else f"/history?before={before!r}"
    return {"jobs": jobs, "older": older, "before": before != END, "address": address, "moving": moving}

"""The first page: send a video, and see the jobs."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from har_ros.service.api import JobView, Running
from har_ros.service.pages.render import page

SHOWN = 100
"""Jobs on the page, at most."""
routes = APIRouter()


@routes.get("/")
def home(request: Request, service: Running) -> Response:
    """Show the jobs."""
    return page(request, "home.html", jobs=[JobView.of(job) for job in service.store.newest(SHOWN)])

"""The page of a job: its progress, and what was found."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request, Response

from har_ros.service.folder import SUMMARY
from har_ros.service.jobs.job import Job
from har_ros.service.jobs.routes import JobView
from har_ros.service.jobs.service import Running, Service
from har_ros.service.jobs.so_far import so_far
from har_ros.service.pages.form import fields_of
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

OTHERS = 100
"""Newest jobs of videos of the same name, among which are those to compare with."""
LAST = 50
"""Newest windows, among which that of each person is looked for."""
routes = Routes()


@routes.get("/jobs/{number}")
def show(request: Request, service: Running, number: str) -> Response:
    """Show a job."""
    job = service.job(number)
    found = summary(service, job) if job.state == "done" else None
    same = service.store.newest(OTHERS, name=job.name)
    others = [JobView.of(one) for one in same if one.state == "done" and one.id != job.id]
    there = job.over and service.folder.input(job.id) is not None  # a link may have brought nothing
    fields = fields_of(service.models, job.options) if there else None
    return page(request, "job.html", job=JobView.of(job), found=found, others=others, fields=fields)


@routes.get("/jobs/{number}/found")
def show_found(request: Request, service: Running, number: str) -> Response:
    """Show what a job has found so far."""
    job = service.job(number)
    found = so_far(service.folder.of(number), max(0, job.windows - LAST), job.over)
    newest = {window.get("person", ""): window for window in found.windows}  # of each, the last one
    return page(request, "so_far.html", found=found, newest=newest)


def summary(service: Service, job: Job) -> dict[str, Any]:
    """Return the result of a job without its windows. Raises HTTPException when the job is not done."""
    found: dict[str, Any] = json.loads(service.found(job.id, SUMMARY).read_text(encoding="utf-8"))
    return found

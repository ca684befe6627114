"""The routes of jobs: videos in, progress and results out."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, HTTPException, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from har_ros.service.folder import RESULT, VIDEO, is_job
from har_ros.service.following import Followers, Following, check_followers
from har_ros.service.guard import Owner
from har_ros.service.incoming.orders import BODY, Ordered, check_room
from har_ros.service.jobs.job import Job
from har_ros.service.jobs.service import Running, Service
from har_ros.service.jobs.so_far import SoFar, so_far
from har_ros.service.routing import Routes

ANSWER = 120.0
"""Seconds that /v1/classify waits for its answer."""
MEDIA = {"csv": "text/csv", "srt": "application/x-subrip", "vtt": "text/vtt"}


class JobView(BaseModel):
    """A job as the API shows it. Times are seconds since 1970; frames is 0 where it is not known.

    windows: for which there is an answer so far.
    """

    id: str
    video: str
    options: dict[str, Any]
    state: str
    created: float
    started: float | None
    ended: float | None
    frames_done: int
    frames: int
    windows: int
    seconds_left: float | None
    error: str

    @classmethod
    def of(cls, job: Job) -> JobView:
        """Return what is shown of a job."""
        left = job.seconds_left(time.time())
        return cls(
            id=job.id,
            video=job.name,
            options=dict(job.options),
            state=job.state,
            created=job.created,
            started=job.started,
            ended=job.ended,
            frames_done=job.done,
            frames=job.total,
            windows=job.windows,
            seconds_left=None if left is None else round(left, 1),
            error=job.error,
        )


Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]
routes = Routes(prefix="/v1")


@routes.post("/jobs", status_code=202, openapi_extra=BODY, dependencies=[Depends(check_room)])
def add_job(service: Running, response: Response, order: Ordered, owner: Owner, key: Key = None) -> JobView:
    """Send a video, or name one. The job goes on whatever becomes of this connection; Location says where it is."""
    job = service.add(order, key, owner)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobView.of(service.job(job.id))


@routes.get("/jobs")
def list_jobs(
    service: Running, count: Annotated[int, Query(ge=1, le=1000)] = 100, before: float = float("inf")
) -> list[JobView]:
    """List jobs, newest first; before: those that were created before this time."""
    return [JobView.of(job) for job in service.store.newest(count, before)]


@routes.get("/jobs/{number}")
def show_job(service: Running, number: str) -> JobView:
    """Say how a job stands."""
    return JobView.of(service.job(number))


@routes.get("/jobs/{number}/events", response_class=EventSourceResponse, dependencies=[Depends(check_followers)])
async def follow_job(
    service: Running, following: Followers, job: Annotated[JobView, Depends(show_job)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job's progress: an event whenever it changes, the last one when the job is over.

    Each says all, so whoever comes back after an interruption has missed nothing.
    """
    said = None
    async for found in following.follow(job.id, partial(service.store.get, job.id)):
        if (now := (found.state, found.done, found.windows)) != said:
            said = now
            yield ServerSentEvent(data=JobView.of(found), event="progress", id=str(found.done))


@routes.get("/jobs/{number}/result", response_class=FileResponse)
def show_result(service: Running, number: str) -> FileResponse:
    """Return spans, people and windows as JSON."""
    return FileResponse(service.found(number, RESULT), media_type="application/json")


@routes.get("/jobs/{number}/windows")
def show_windows(service: Running, number: str, after: Annotated[int, Query(ge=0, le=10**9)] = 0) -> SoFar:
    """Return what was found so far, also while the job runs: windows after so many, all spans and persons."""
    job = service.job(number)  # first: all that a job wrote that is over is there
    return so_far(service.folder.of(number), after, job.over)


@routes.get("/jobs/{number}/video", response_class=FileResponse)
def show_video(service: Running, number: str) -> FileResponse:
    """Return the annotated video, H.264; players may ask for parts of it."""
    return FileResponse(service.found(number, VIDEO), media_type="video/mp4")


@routes.get("/jobs/{number}/actions.{kind}", response_class=FileResponse)
def show_actions(service: Running, number: str, kind: Literal["csv", "srt", "vtt"]) -> FileResponse:
    """Return the spans as a table or as subtitles."""
    return FileResponse(service.found(number, f"actions.{kind}"), media_type=MEDIA[kind])


@routes.delete("/jobs/{number}", status_code=204)
def erase_job(service: Running, number: str) -> None:
    """Cancel a job if it is not over, and erase the video and all results."""
    try:
        service.job(number)
    except sqlite3.Error:  # of a full disk; what is erased makes room
        if not is_job(number):
            raise
    service.erase(number)


@routes.post("/classify", openapi_extra=BODY, dependencies=[Depends(check_room)])
async def classify(service: Running, following: Followers, order: Ordered, owner: Owner) -> Any:
    """Send a short clip and get its result in the answer; nothing of it is kept."""
    job = await run_in_threadpool(service.add, order, None, owner, temporary=True)  # asyncio has too few that may wait
    try:
        job = await asyncio.wait_for(_over(service, following, job.id), ANSWER)
        if job.state == "failed":
            raise HTTPException(422, job.error)
        content = await asyncio.to_thread((service.folder.of(job.id) / RESULT).read_bytes)
        return Response(content, media_type="application/json")
    except asyncio.TimeoutError:
        raise HTTPException(504, f"no result within {ANSWER:g} s; send the video to /v1/jobs") from None
    finally:
        await asyncio.to_thread(service.erase, job.id)


async def _over(service: Service, following: Following, number: str) -> Job:
    """Wait until a job is over, and return it. Raises HTTPException, sqlite3.Error."""
    while True:
        async for job in following.follow(number, partial(service.store.get, number)):
            if job.over:
                return job
        await run_in_threadpool(service.job, number)  # which raises what ended it


@routes.get("/models")
def list_models(service: Running) -> list[dict[str, Any]]:
    """List the networks that options may name as model and persons_model."""
    found = service.models.usable()
    return [{"name": name, "kind": one.card.kind, "description": one.card.description} for name, one in found.items()]

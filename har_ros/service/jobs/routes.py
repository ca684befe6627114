"""The routes of the service's HTTP API, and what they work on."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from har_ros.service.folder import RESULT, VIDEO, ServiceFolder
from har_ros.service.guard import Owner
from har_ros.service.incoming.links import shown_link
from har_ros.service.incoming.orders import BODY, Incoming, Order, Ordered, check_room, of_file
from har_ros.service.incoming.uploads import Uploads
from har_ros.service.jobs.so_far import SoFar, so_far
from har_ros.service.jobs.store import Job, JobStore
from har_ros.service.jobs.workers import Workers
from har_ros.service.options import Models
from har_ros.service.room import Room
from har_ros.service.routing import Routes
from har_ros.service.settings import ServiceSettings

WATCH = 0.25
"""Seconds between two looks at a job whose progress somebody follows."""
MOST_WAITING, MOST_OF_ONE = 1000, 500
"""Jobs that are not over, at most, and those of one client."""
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
        left = None
        new = job.done - job.skipped
        if job.state == "running" and job.started and new and job.total:
            left = round((time.time() - job.started) / new * max(0, job.total - job.done), 1)
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
            seconds_left=left,
            error=job.error,
        )


class Service:
    """What the routes work on. Close it."""

    def __init__(self, folder: ServiceFolder, settings: ServiceSettings) -> None:
        """Raises HarError, OSError."""
        for place in (folder.path / "jobs", folder.models):
            place.mkdir(parents=True, exist_ok=True)
        self.folder, self.models, self.links = folder, Models(settings.models, folder.models), settings.links
        self.store = JobStore(folder.jobs)
        self.uploads = Uploads(folder.uploads, settings.most_bytes)
        self.room = Room(folder, settings.disk, self.uploads.promised)
        for number in self.store.temporary():
            self.erase(number)
        self._take_received()
        self.workers = Workers(folder, settings, self.uploads.tidy)

    def close(self) -> None:
        """End the workers."""
        self.workers.close()

    def job(self, number: str) -> Job:
        """Return a job. Raises HTTPException."""
        job = self.store.get(number)
        if job is None:
            raise HTTPException(404, f"there is no job {number}; it was erased, or never was")
        return job

    def add(self, order: Order, key: str | None, owner: str, temporary: bool = False) -> Job:
        """Take a video in, see JobStore.add. Raises HTTPException, HarError, OSError."""
        video, options = self._incoming(order), dict(order.options)
        if self.store.same(key, video.id) is None:
            self._check_queue(owner)
        self.models.check(options)
        job, new = self.store.add(video.name, options, key, video.id, video.link, owner, temporary)
        wanted = video.id or job.id, video.name, video.link, options
        if not new and (job.id, job.name, job.link, dict(job.options)) != wanted:
            said = f"the key {key!r} was used" if key else "the upload is a job already, or the key was used"
            raise HTTPException(422, f"{said} for another video or other options; use a new one")
        if new:
            place = self.folder.of(job.id)
            try:
                place.mkdir()
                video.bring(place)
                self.store.enqueue(job.id)
            except BaseException:
                with suppress(sqlite3.Error):  # of a full disk
                    self.erase(job.id)
                raise
        return job

    def _check_queue(self, owner: str) -> None:
        """Raise HTTPException when an owner may not add a job now."""
        every, own = self.store.count(owner)
        if every >= MOST_WAITING:
            raise HTTPException(503, f"{MOST_WAITING} jobs wait already; try again later", {"Retry-After": "60"})
        if own >= MOST_OF_ONE:
            raise HTTPException(
                429, f"{MOST_OF_ONE} jobs of yours wait already; try again later", {"Retry-After": "60"}
            )

    def _incoming(self, order: Order) -> Incoming:
        """Return the video of an order. An upload gives its job its id, so that one makes a job only once."""
        if order.video is not None:
            return of_file(order.video)
        if order.url is not None:
            if not self.links:
                raise HTTPException(403, "this server follows no links; send the video, or serve with --allow-links")
            return Incoming(shown_link(order.url), lambda _: None, link=order.url)
        if order.again is not None:
            return self._again(self.job(order.again))
        job = self.store.get(order.upload or "")
        if job is not None:
            return Incoming(job.name, lambda _: None, job.id)
        upload = self.uploads.finished(order.upload or "")
        return Incoming(upload.name, partial(self.uploads.move, upload), upload.id)

    def _again(self, job: Job) -> Incoming:
        """Return the video of a job, for another one; it is on the disk once. Raises HTTPException."""
        video = self.folder.input(job.id)
        if video is None:
            raise HTTPException(409, f"the video of job {job.id} is not there; send it again")
        return Incoming(job.name, lambda place: os.link(video, place / video.name))

    def _take_received(self) -> None:
        """Go on with what the server was taking in when it ended, and has all of."""
        for job in self.store.receiving():
            place = self.folder.of(job.id)
            with suppress(HTTPException):
                upload = self.uploads.finished(job.id)
                place.mkdir(exist_ok=True)
                self.uploads.move(upload, place)
            if job.link or self.folder.input(job.id):
                self.store.enqueue(job.id)
            else:
                self.folder.erase(job.id)

    def erase(self, number: str) -> None:
        """Cancel a job if it is not over, and remove all of it."""
        self.folder.erase(number)  # first: a full disk may not let the store write
        self.store.remove(number)

    def found(self, number: str, name: str) -> Path:
        """Return a file of a job that is done. Raises HTTPException, OSError."""
        job = self.job(number)
        if job.state != "done":
            raise HTTPException(409, f"the job is {job.state}{': ' if job.error else ''}{job.error}; it has no results")
        path = self.folder.of(number) / name
        path.stat()  # raises for one that was erased meanwhile
        return path


async def service_of(request: Request) -> Service:
    """Return the service that the application runs."""
    service: Service = request.app.state.service
    return service


Running = Annotated[Service, Depends(service_of)]
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


@routes.get("/jobs/{number}/events", response_class=EventSourceResponse)
async def follow_job(service: Running, job: Annotated[JobView, Depends(show_job)]) -> AsyncIterator[ServerSentEvent]:
    """Follow a job's progress: an event whenever it changes, the last one when the job is over.

    Each says all, so whoever comes back after an interruption has missed nothing.
    """
    said = None
    while True:
        view = JobView.of(await asyncio.to_thread(service.job, job.id))
        if (view.state, view.frames_done, view.windows) != said:
            said = view.state, view.frames_done, view.windows
            yield ServerSentEvent(data=view, event="progress", id=str(view.frames_done))
        if view.ended is not None:
            return
        await asyncio.sleep(WATCH)


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
    service.job(number)
    service.erase(number)


@routes.post("/classify", openapi_extra=BODY, dependencies=[Depends(check_room)])
async def classify(service: Running, order: Ordered, owner: Owner) -> Any:
    """Send a short clip and get its result in the answer; nothing of it is kept."""
    job = await asyncio.to_thread(service.add, order, None, owner, temporary=True)
    try:
        for _ in range(round(ANSWER / WATCH)):
            job = await asyncio.to_thread(service.job, job.id)
            if job.state == "failed":
                raise HTTPException(422, job.error)
            if job.over:
                content = await asyncio.to_thread((service.folder.of(job.id) / RESULT).read_bytes)
                return Response(content, media_type="application/json")
            await asyncio.sleep(WATCH)
        raise HTTPException(504, f"no result within {ANSWER:g} s; send the video to /v1/jobs")
    finally:
        await asyncio.to_thread(service.erase, job.id)


@routes.get("/models")
def list_models(service: Running) -> list[dict[str, Any]]:
    """List the networks that options may name as model and persons_model."""
    cards = service.models.cards()
    return [{"name": name, "kind": card.kind, "description": card.description} for name, card in cards.items()]

"""What the routes of jobs work on."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from har_ros.service.decoding import Decoding, UnansweredError
from har_ros.service.folder import ServiceFolder
from har_ros.service.incoming.links import shown_link
from har_ros.service.incoming.orders import Incoming, Order, of_file
from har_ros.service.incoming.upload import promised
from har_ros.service.incoming.uploads import Uploads
from har_ros.service.jobs.job import Job
from har_ros.service.jobs.store import JobStore
from har_ros.service.jobs.workers import WorkerProcesses
from har_ros.service.options import Models
from har_ros.service.room import Room
from har_ros.service.settings import ServiceSettings

PATIENCE = 10.0
"""Seconds that opening a video may take."""
MOST_WAITING, MOST_OF_ONE = 1000, 500
"""Jobs that are not over, at most, and those of one client."""


class Service:
    """Takes videos in, and has their jobs and what these found. Close it."""

    def __init__(self, folder: ServiceFolder, settings: ServiceSettings, decoding: Decoding) -> None:
        """decoding: looks at what comes in. Raises HarError, OSError."""
        for place in (folder.path / "jobs", folder.models):
            place.mkdir(parents=True, exist_ok=True)
        self.folder, self.models, self.links = folder, Models(settings.models, folder.models), settings.links
        self.store = JobStore(folder.jobs)
        self.uploads = Uploads(folder.uploads, settings.most_bytes)
        self.room = Room(folder, settings.disk, partial(promised, folder.uploads))
        for number in self.store.temporary():
            self.erase(number)
        self._take_received()
        self._days, self._longest, self._decoding = settings.days, settings.seconds, decoding
        self.workers = WorkerProcesses(folder, settings, self.store, self._tidy)

    def close(self) -> None:
        """End the workers."""
        self.workers.close()
        self.store.close()

    def job(self, number: str) -> Job:
        """Return a job. Raises HTTPException."""
        job = self.store.get(number)
        if job is None:
            raise HTTPException(404, f"there is no job {number}; it was erased, or never was")
        return job

    def add(self, order: Order, key: str | None, owner: str, temporary: bool = False) -> Job:
        """Take a video in, see JobStore.add. Raises HTTPException, HarError, OSError."""
        own_key = f"{owner}\n{key}" if key else None  # others may have chosen the same one
        video, options = self._incoming(order, own_key), dict(order.options)
        if self.store.same(own_key, video.id) is None:
            self._check_queue(owner)
        self.models.check(options)
        fingerprint = video.fingerprint() if own_key else ""
        job, new = self.store.add(video.name, options, own_key, video.id, video.link, fingerprint, owner, temporary)
        wanted = video.id or job.id, video.name, video.link, fingerprint, options
        if not new and (job.id, job.name, job.link, job.fingerprint, dict(job.options)) != wanted:
            said = f"the key {key!r} was used" if key else "the upload is a job already, or the key was used"
            raise HTTPException(422, f"{said} for another video or other options; use a new one")
        if new:
            place = self.folder.of(job.id)
            try:
                place.mkdir()
                video.bring(place)
                if video.new:
                    self._check_opens(job, owner)
                self.store.enqueue(job.id)
            except BaseException:
                with suppress(sqlite3.Error):  # of a full disk
                    self.erase(job.id)
                raise
        return job

    def _check_opens(self, job: Job, owner: str) -> None:
        """Raise HTTPException for what is no video of a job. Where there is no time to look, its worker does."""
        path, opening = str(self.folder.input(job.id)), "har_ros.service.jobs.opening"
        with suppress(UnansweredError, TimeoutError):
            if error := self._decoding.look(opening, path, owner=owner, longest=self._longest, patience=PATIENCE):
                raise HTTPException(415, self.folder.said_to_clients(job.id, job.name, error))

    def _check_queue(self, owner: str) -> None:
        """Raise HTTPException when an owner may not add a job now."""
        every, own = self.store.count(owner)
        if every >= MOST_WAITING:
            raise HTTPException(503, f"{MOST_WAITING} jobs wait already; try again later", {"Retry-After": "60"})
        if own >= MOST_OF_ONE:
            raise HTTPException(
                429, f"{MOST_OF_ONE} jobs of yours wait already; try again later", {"Retry-After": "60"}
            )

    def _incoming(self, order: Order, key: str | None) -> Incoming:
        """Return the video of an order. An upload gives its job its id, so that one makes a job only once.

        key: by which the job may be known.
        """
        if order.video is not None:
            return of_file(order.video)
        if order.url is not None:
            if not self.links:
                raise HTTPException(403, "this server follows no links; send the video, or serve with --allow-links")
            return Incoming(shown_link(order.url), lambda _: None, link=order.url)
        if order.again is not None:
            there = self.store.same(key, None)
            if order.again and there and there.fingerprint == order.again:  # which may be erased
                return Incoming(there.name, lambda _: None, fingerprint=lambda: there.fingerprint)
            return self._again(self.job(order.again))
        job = self.store.get(order.upload or "")
        if job is not None:
            return Incoming(job.name, lambda _: None, job.id)
        upload = self.uploads.finished(order.upload or "")
        return Incoming(upload.name, partial(self.uploads.move, upload), upload.id, new=True)

    def _again(self, job: Job) -> Incoming:
        """Return the video of a job, for another one; it is on the disk once. Raises HTTPException."""
        video = self.folder.input(job.id)
        if video is None:
            raise HTTPException(409, f"the video of job {job.id} is not there; send it again")
        return Incoming(job.name, lambda place: os.link(video, place / video.name), fingerprint=lambda: job.id)

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

    def _tidy(self) -> None:
        """Erase what is kept no longer."""
        for number in self.store.ended_before(time.time() - self._days * 86_400):
            self.erase(number)
        self.uploads.tidy()

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

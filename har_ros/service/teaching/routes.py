"""The routes of teaching: datasets, classes, clips, checks, trainings, and the networks that came of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Header, HTTPException, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from har_ros.learning.model import REPORT
from har_ros.service.following import Followers, check_followers
from har_ros.service.guard import Owner
from har_ros.service.incoming.orders import check_room
from har_ros.service.routing import Routes
from har_ros.service.teaching.datasets import Stored
from har_ros.service.teaching.lessons import Kind, Lesson
from har_ros.service.teaching.networks import zipped
from har_ros.service.teaching.state import Teaching
from har_ros.service.teaching.views import (
    CLIP_BODY,
    ClassView,
    ClipView,
    DatasetView,
    LessonOptions,
    LessonView,
    Named,
    SentClip,
    read_clip,
)

REPORT_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Of a report, whose style is in it; it says more strictly itself which."""


async def teaching_of(request: Request) -> Teaching:
    """Return what the application teaches with."""
    teaching: Teaching = request.app.state.teaching
    return teaching


Taught = Annotated[Teaching, Depends(teaching_of)]


def dataset_of(teaching: Taught, dataset: str) -> Stored:
    """Return the dataset of an address. Raises HTTPException."""
    return teaching.datasets.get(dataset)


Found = Annotated[Stored, Depends(dataset_of)]
routes = Routes(prefix="/v1")


@routes.get("/datasets")
def list_datasets(teaching: Taught) -> list[DatasetView]:
    """List the datasets: those that were made here, and those in the folder --datasets, which are only read."""
    return [DatasetView.of(dataset, dataset.content()) for dataset in teaching.datasets.all().values()]


@routes.post("/datasets", status_code=201)
def add_dataset(teaching: Taught, response: Response, given: Named) -> DatasetView:
    """Make an empty dataset."""
    dataset = teaching.datasets.add(given.name)
    response.headers["Location"] = f"/v1/datasets/{quote(dataset.name)}"
    return DatasetView.of(dataset, dataset.content())


@routes.get("/datasets/{dataset}")
def show_dataset(dataset: Found) -> DatasetView:
    """Say which classes a dataset has."""
    return DatasetView.of(dataset, dataset.content())


@routes.delete("/datasets/{dataset}", status_code=204)
def erase_dataset(teaching: Taught, dataset: Found) -> None:
    """Erase a dataset with all its clips. Networks that were taught with it stay."""
    with teaching.lessons.released(dataset):
        dataset.remove()


@routes.post("/datasets/{dataset}/classes", status_code=201)
def add_class(dataset: Found, given: Named) -> ClassView:
    """Make a class: an action, or none for anything else."""
    return ClassView(name=dataset.add_class(given.name), clips=0, groups=0)


@routes.delete("/datasets/{dataset}/classes/{label}", status_code=204)
def erase_class(teaching: Taught, dataset: Found, label: str) -> None:
    """Erase a class with its clips."""
    with teaching.lessons.released(dataset):
        dataset.remove_class(label)


@routes.get("/datasets/{dataset}/classes/{label}/clips")
def list_clips(dataset: Found, label: str) -> list[ClipView]:
    """List the clips of a class."""
    return [ClipView.of(clip) for clip in dataset.of_class(label)]


def takes_clips(dataset: Found, label: str) -> None:
    """Raise HTTPException when a class takes no clip."""
    dataset.refuse_clips(label)


@routes.post(
    "/datasets/{dataset}/classes/{label}/clips",
    status_code=201,
    openapi_extra=CLIP_BODY,
    dependencies=[Depends(takes_clips), Depends(check_room)],
)
def add_clip(
    teaching: Taught, dataset: Found, label: str, owner: Owner, sent: Annotated[SentClip, Depends(read_clip)]
) -> ClipView:
    """Send a clip. It becomes H.264 of 640 pixels at most, at a constant rate."""
    return ClipView.of(teaching.add_clip(dataset, label, sent.group, sent.video.filename or "", sent.video.file, owner))


@routes.get("/datasets/{dataset}/classes/{label}/clips/{number}/picture", response_class=FileResponse)
def show_picture(teaching: Taught, dataset: Found, label: str, number: str, owner: Owner) -> FileResponse:
    """Return a small picture of a clip."""
    return FileResponse(teaching.picture(dataset, dataset.clip(label, number), owner), media_type="image/jpeg")


@routes.get("/datasets/{dataset}/classes/{label}/clips/{number}/video", response_class=FileResponse)
def show_clip(dataset: Found, label: str, number: str) -> FileResponse:
    """Return a clip."""
    return FileResponse(dataset.clip(label, number).path)


@routes.delete("/datasets/{dataset}/classes/{label}/clips/{number}", status_code=204)
def erase_clip(teaching: Taught, dataset: Found, label: str, number: str) -> None:
    """Erase a clip."""
    with teaching.lessons.released(dataset):
        dataset.remove_clip(label, number)


@routes.post("/datasets/{dataset}/{kind}", status_code=202)
def start_lesson(teaching: Taught, dataset: Found, kind: Kind, given: LessonOptions | None = None) -> LessonView:
    """Check a dataset (too few, too alike, dark), or teach a network with it. It goes on without this connection."""
    options = given or LessonOptions()
    arguments = teaching.arguments(options.model, options.person, options.background, options.mirror)
    network = ""
    if kind == "training":
        place = teaching.new_network(options.name, dataset)
        network, arguments = place.name, [*arguments, "--output", str(place)]
    return LessonView.of(teaching.lessons.start(dataset, kind, options.model_dump(), network, arguments))


def lesson_of(teaching: Taught, dataset: Found, kind: Kind) -> Lesson:
    """Return the last check, or training, of a dataset. Raises HTTPException."""
    lesson = teaching.lessons.get(dataset, kind)
    if lesson is None:
        raise HTTPException(404, f"there was no {kind} of {dataset.name} yet")
    return lesson


Latest = Annotated[Lesson, Depends(lesson_of)]


@routes.get("/datasets/{dataset}/{kind}")
def show_lesson(lesson: Latest) -> LessonView:
    """Say how the last check, or training, of a dataset stands."""
    return LessonView.of(lesson)


@routes.get(
    "/datasets/{dataset}/{kind}/events",
    response_class=EventSourceResponse,
    dependencies=[Depends(check_followers)],
)
async def follow_lesson(
    following: Followers, lesson: Latest, last: Annotated[int, Header(alias="Last-Event-ID", ge=0)] = 0
) -> AsyncIterator[ServerSentEvent]:
    """Follow it: an event whenever it changes, with the lines of the log that are new, the last one when it is over."""
    since, said = last, None
    key = lesson.dataset, lesson.kind, lesson.started
    async for found in following.follow(key, lambda: lesson):
        view = LessonView.of(found, since)
        if (now := (view.state, view.doing, view.done, view.said)) != said:
            said, since = now, view.said
            yield ServerSentEvent(data=view, event="progress", id=str(since))


@routes.delete("/datasets/{dataset}/{kind}", status_code=204)
def cancel_lesson(teaching: Taught, dataset: Found, kind: Kind) -> None:
    """Cancel it, if it runs. Nothing is left of it but what was computed of the clips, for the next time."""
    teaching.lessons.cancel(dataset, kind)


@routes.get("/models/{name}/report", response_class=FileResponse)
def show_report(teaching: Taught, name: str) -> FileResponse:
    """Return the report of a network that was taught here."""
    path = teaching.network(name) / REPORT
    if not path.is_file():
        raise HTTPException(404, f"{name} has no report; it could not be drawn")
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


@routes.get("/models/{name}/archive", response_class=StreamingResponse)
def download_network(teaching: Taught, name: str) -> StreamingResponse:
    """Return a network that was taught here as a ZIP archive of its folder, which the node takes as its model."""
    headers = {"Content-Disposition": "attachment"}
    return StreamingResponse(zipped(teaching.network(name)), media_type="application/zip", headers=headers)


@routes.delete("/models/{name}", status_code=204)
def erase_network(teaching: Taught, name: str) -> None:
    """Erase a network that was taught here."""
    teaching.remove_network(name)

"""The routes of streams: a visitor's images in, what they show out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from har_ros.frames.sampling import SECOND
from har_ros.service.routing import Routes
from har_ros.service.streams.streams import Stream, Streams

JPEG = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}


class NewStream(BaseModel):
    """What a stream is asked for: options as those of a job."""

    options: dict[str, Any] = {}


class Taken(BaseModel):
    """Whether an image was taken, or left out because the network is not ready for it."""

    taken: bool


async def streams_of(request: Request) -> Streams:
    """Return the streams of the application."""
    streams: Streams = request.app.state.streams
    return streams


async def stream_of(streams: Annotated[Streams, Depends(streams_of)], number: str) -> Stream:
    """Return the stream that a path names. Raises HTTPException."""
    return streams.get(number)


Opened = Annotated[Streams, Depends(streams_of)]
Named = Annotated[Stream, Depends(stream_of)]
CaptureTime = Annotated[
    float,
    Header(ge=0, le=1e10, allow_inf_nan=False, description="when the image was taken: seconds from any moment on"),
]
routes = Routes(prefix="/v1/streams")


@routes.post("", status_code=201)
async def open_stream(streams: Opened, response: Response, asked: NewStream) -> dict[str, Any]:
    """Begin a stream of images. Location says where it is; it is ready when its events say so."""
    stream = await streams.open(asked.options)
    response.headers["Location"] = f"/v1/streams/{stream.id}"
    return stream.view()


@routes.get("/{number}")
async def show_stream(stream: Named) -> dict[str, Any]:
    """Say how a stream stands, and at what rate and size it wants its images."""
    return stream.view()


@routes.post("/{number}/frames", status_code=202, openapi_extra={"requestBody": {"required": True, "content": JPEG}})
async def take_image(stream: Named, request: Request, capture_time: CaptureTime) -> Taken:
    """Send the next image, a JPEG. What it shows is said in the events."""
    if stream.state == "ended":
        raise HTTPException(410, f"the stream has ended{': ' if stream.error else ''}{stream.error}")
    return Taken(taken=stream.offer(round(capture_time * SECOND), await request.body()))


@routes.get("/{number}/events", response_class=EventSourceResponse)
async def follow_stream(stream: Named) -> AsyncIterator[ServerSentEvent]:
    """Follow a stream: how it stands, then what each image shows that the network was free for, until it ends."""
    async for answer in stream.answers.listen(stream.view()):
        yield ServerSentEvent(data=answer, event="state" if "state" in answer else "answer")


@routes.delete("/{number}", status_code=204)
async def end_stream(stream: Named) -> None:
    """End a stream."""
    await stream.end()

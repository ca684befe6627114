"""What a client sends as a new job: a video in a form, or as JSON the name of an upload, or a link."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import IO, Annotated, Any

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

from har_ros.files.atomic import replacing
from har_ros.files.schema import shown
from har_ros.files.text import CONTROL_CHARACTER
from har_ros.service.folder import SUFFIXES
from har_ros.service.guard import Owner
from har_ros.service.incoming.uploads import LARGEST_OF_ONE, WAIT, before_silence
from har_ros.service.options import EXAMPLE, read_options
from har_ros.service.room import NoRoomError, Room, TooMuchError, number_of_bytes

BLOCK = 1 << 20
LONGEST_NAME = 255
"""Characters of a video's name, at most."""
FORM = "multipart/form-data"
JSON = "application/json"
_OPTIONS = "the node's parameters, such as " + EXAMPLE
_FORM_SCHEMA = {
    "type": "object",
    "required": ["video"],
    "properties": {
        "video": {"type": "string", "format": "binary", "description": "the video"},
        "options": {"type": "string", "description": f"{_OPTIONS}, as JSON", "default": "{}"},
    },
}
_JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "upload": {"type": "string", "description": "the id of a finished upload, which becomes the job's"},
        "again": {"type": "string", "description": "the id of a job whose video is looked at again"},
        "url": {"type": "string", "description": "where the video is, http or https; off unless the server allows it"},
        "options": {"type": "object", "description": _OPTIONS, "default": {}},
    },
    "oneOf": [{"required": ["upload"]}, {"required": ["url"]}, {"required": ["again"]}],
    "additionalProperties": False,
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {FORM: {"schema": _FORM_SCHEMA}, JSON: {"schema": _JSON_SCHEMA}},
    }
}
"""For OpenAPI: the bodies that `read_order` takes."""


@dataclass(frozen=True)
class Order:
    """What a client wants: one of video, upload (its id), url and again (the id of a job), and options for the job."""

    options: Mapping[str, Any]
    video: UploadFile | None = None
    upload: str | None = None
    url: str | None = None
    again: str | None = None


@dataclass(frozen=True)
class Incoming:
    """A video for a job. name: as shown. bring: puts it into the job's folder. id: of the job. link: to fetch it from.

    id is None where any will do, link empty where bring has the video. fingerprint: returns what tells the video from
    others, empty where the id or the link does. new: whether nobody has looked at what is brought.
    """

    name: str
    bring: Callable[[Path], object]
    id: str | None = None
    link: str = ""
    fingerprint: Callable[[], str] = lambda: ""
    new: bool = False


async def read_order(request: Request) -> AsyncIterator[Order]:
    """Read the body of a request. Raises HTTPException, ConfigurationError."""
    if media_type(request) == JSON:
        yield _of_json(await _json(request))
        return
    async with small_form(request) as form:
        yield _of_form(form)


Ordered = Annotated[Order, Depends(read_order)]


@asynccontextmanager
async def small_form(request: Request) -> AsyncIterator[FormData]:
    """Read a form of one video and one other field, as a dependency does it: after what refuses the request unread.

    Raises HTTPException.
    """

    async def receive() -> Message:
        return await before_silence(request.receive(), 408, "send the video again")

    try:
        async with Request(request.scope, receive).form(max_files=1, max_fields=1) as form:
            yield form
    except ClientDisconnect:
        raise HTTPException(400, "the connection broke before all of the video was there; send it again") from None


def video_of(form: FormData) -> UploadFile:
    """Return the video in a form. Raises HTTPException."""
    video = form.get("video")
    if not isinstance(video, UploadFile):
        raise HTTPException(422, "there is no video; send it as the form field video: curl -F video=@input.mp4 …")
    return video


def media_type(request: Request) -> str:
    """Return a request's Content-Type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def announced(request: Request, header: str) -> int:
    """Return the number of bytes in a header, 0 without one; of what no disk holds, the first digits only."""
    return number_of_bytes(request.headers.get(header, ""))


def check_room(request: Request, owner: Owner) -> Iterator[None]:
    """Keep room for what a request brings or announces, while it lasts. For a route's dependencies.

    What one client brings at the same time has the limit of its uploads in parts. Raises HTTPException.
    """
    room: Room = request.app.state.service.room
    most = LARGEST_OF_ONE * request.app.state.service.uploads.most_bytes
    wanted = announced(request, "content-length") + announced(request, "upload-length")
    try:
        with room.taking(wanted, owner, most):
            yield
    except TooMuchError as error:
        raise HTTPException(429, str(error), WAIT) from None
    except NoRoomError as error:
        raise HTTPException(507, str(error)) from None


def of_file(video: UploadFile) -> Incoming:
    """Return the video in a form. Raises HTTPException."""
    name = video_name(video.filename or "")
    bring, fingerprint = partial(_copy, video.file, PurePath(name).suffix.lower()), partial(_digest, video.file)
    return Incoming(name, bring, fingerprint=fingerprint, new=True)


def video_name(given: str) -> str:
    """Return the name of a video without folders. Raises HTTPException for the name of something else."""
    name = PurePath(given.replace("\\", "/")).name
    if PurePath(name).suffix.lower() not in SUFFIXES:
        raise HTTPException(415, f"{name or 'the file'} is no video; send one of {', '.join(SUFFIXES)}")
    if len(name) > LONGEST_NAME or CONTROL_CHARACTER.search(name):
        raise HTTPException(
            422, f"the video's name has more than {LONGEST_NAME} characters, or control characters; rename it"
        )
    return name


def _copy(video: IO[bytes], suffix: str, place: Path) -> None:
    """Write a video into a job's folder. Raises OSError."""
    with replacing(place / f"input{suffix}") as path, path.open("wb") as file:
        shutil.copyfileobj(video, file, BLOCK)


def _digest(video: IO[bytes]) -> str:
    """Return the SHA-256 of a video, which can be read from its beginning again. Raises OSError."""
    checksum = hashlib.sha256()
    while block := video.read(BLOCK):
        checksum.update(block)
    video.seek(0)
    return checksum.hexdigest()


def _of_form(form: FormData) -> Order:
    video, options = video_of(form), form.get("options", "{}")
    if not isinstance(options, str):
        raise HTTPException(422, f"options is a file; send it as text such as {EXAMPLE}")
    return Order(read_options(options), video=video)


def _is_unicode(text: str) -> bool:
    """Return whether text is characters only: JSON may have halves of those that UTF-16 writes as two."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise HTTPException(422, 'the body is no JSON; send an object such as {"upload": "ID"}') from None


def _of_json(body: Any) -> Order:
    given = dict(body) if isinstance(body, dict) else {}
    options = given.pop("options", {})
    if not isinstance(options, dict):
        raise HTTPException(422, f"options is {shown(options)}, no JSON object; give one such as {EXAMPLE}")
    if len(given) != 1 or not given.keys() <= {"upload", "url", "again"}:
        raise HTTPException(422, 'give one of upload, url and again, and options: {"upload": "ID", "options": {…}}')
    ((name, value),) = given.items()
    if not isinstance(value, str) or not _is_unicode(value):
        raise HTTPException(422, f"{name} is {shown(value)}; give text")
    return Order(options, upload=given.get("upload"), url=given.get("url"), again=given.get("again"))

"""The routes of uploads in parts: tus 1.0 with creation, checksum, expiration and termination."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from har_ros.service.guard import Owner
from har_ros.service.incoming.orders import announced, check_room, media_type, video_name
from har_ros.service.incoming.upload import Upload
from har_ros.service.incoming.uploads import ALGORITHMS, Uploads
from har_ros.service.room import DIGITS

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
PART = "application/offset+octet-stream"


class TusRoute(APIRoute):
    """A route for clients that speak this version of tus."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request, and says the version with each answer."""
        handle = super().get_route_handler()
        said = {"Tus-Resumable": VERSION}

        async def checked(request: Request) -> Response:
            if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
                known = {**said, "Tus-Version": VERSION}
                raise HTTPException(412, f"this server speaks tus {VERSION}; send Tus-Resumable: {VERSION}", known)
            try:
                answer = await handle(request)
            except HTTPException as error:
                error.headers = {**(error.headers or {}), **said}
                raise
            answer.headers.update(said)
            return answer

        return checked


async def uploads_of(request: Request) -> Uploads:
    """Return the uploads of the service that the application runs."""
    uploads: Uploads = request.app.state.service.uploads
    return uploads


Kept = Annotated[Uploads, Depends(uploads_of)]
routes = APIRouter(prefix="/v1/uploads", route_class=TusRoute, tags=["uploads (tus 1.0)"])


@routes.options("", status_code=204)
@routes.options("/{number}", status_code=204)
def say_what_is_known(uploads: Kept) -> Response:
    """Say what of tus this server speaks, and the greatest size of an upload."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(uploads.most_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


@routes.post("", status_code=201, dependencies=[Depends(check_room)])
def create_upload(
    uploads: Kept,
    owner: Owner,
    length: Annotated[str, Header(alias="Upload-Length", pattern=f"^[0-9]{{1,{DIGITS}}}$")],
    metadata: Annotated[str, Header(alias="Upload-Metadata", description="filename and its value in base64")] = "",
) -> Response:
    """Start an upload; Location says where its bytes go. When all are there, send its id to /v1/jobs."""
    name = video_name(_value(metadata, "filename"))
    upload = uploads.create(name, int(length), metadata, owner)
    headers = {"Location": f"/v1/uploads/{upload.id}", **_expires(upload)}
    return Response(status_code=201, headers=headers)


@routes.head("/{number}")
def show_upload(uploads: Kept, number: str) -> Response:
    """Say how many bytes of an upload are there."""
    upload = uploads.get(number)
    headers = {
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.length),
        "Upload-Metadata": upload.metadata,
        "Cache-Control": "no-store",
        **_expires(upload),
    }
    return Response(headers=headers)


@routes.patch(
    "/{number}",
    status_code=204,
    openapi_extra={"requestBody": {"content": {PART: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def continue_upload(
    request: Request,
    uploads: Kept,
    number: str,
    offset: Annotated[int, Header(alias="Upload-Offset", ge=0)],
    checksum: Annotated[str, Header(alias="Upload-Checksum", description="sha1 or sha256, and it in base64")] = "",
) -> Response:
    """Send bytes from an offset on. What arrives before the connection breaks counts, unless there is a checksum."""
    if media_type(request) != PART:
        raise HTTPException(415, f"send the bytes as Content-Type: {PART}")
    checked = _checksum(checksum)
    with uploads.alone(number):
        upload = await asyncio.to_thread(uploads.get, number)
        _check_part(upload, offset, announced(request, "content-length"))
        try:
            await uploads.append(upload, request.stream(), *checked)
        except ClientDisconnect:
            raise HTTPException(400, "the connection broke; go on at the offset that HEAD gives") from None
        upload = await asyncio.to_thread(uploads.get, number)
    return Response(status_code=204, headers={"Upload-Offset": str(upload.offset), **_expires(upload)})


@routes.delete("/{number}", status_code=204)
def erase_upload(uploads: Kept, number: str) -> None:
    """Give an upload up, and erase what is there of it."""
    uploads.erase(number)


def _check_part(upload: Upload, offset: int, length: int) -> None:
    """Raise HTTPException for bytes that do not belong where the upload goes on."""
    if offset != upload.offset:
        raise HTTPException(409, f"the upload goes on at {upload.offset}, not at {offset}")
    if offset + length > upload.length:
        raise HTTPException(413, f"the upload has {upload.length} bytes; {length} more than {offset} are too many")


def _expires(upload: Upload) -> dict[str, str]:
    return {"Upload-Expires": formatdate(upload.expires, usegmt=True)}


def _value(metadata: str, key: str) -> str:
    """Return what Upload-Metadata has of a key, empty when it has none. Raises HTTPException."""
    for pair in metadata.split(","):
        name, _, value = pair.strip().partition(" ")
        if name == key:
            try:
                return b64decode(value, validate=True).decode()
            except ValueError:
                raise HTTPException(400, f"Upload-Metadata has no UTF-8 text in base64 as {key}") from None
    return ""


def _checksum(header: str) -> tuple[str, bytes]:
    """Return the algorithm and the digest of Upload-Checksum, empty without one. Raises HTTPException."""
    if not header:
        return "", b""
    algorithm, _, value = header.partition(" ")
    try:
        digest = b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if algorithm not in ALGORITHMS or len(digest) != hashlib.new(algorithm).digest_size:
        raise HTTPException(400, f"Upload-Checksum is no digest in base64 of {' or '.join(ALGORITHMS)}")
    return algorithm, digest

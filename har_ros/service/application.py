"""The application: API, pages, workers, and what is checked of every request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles

from har_ros.files.versions import version_of
from har_ros.service.decoding import Decoding
from har_ros.service.folder import ServiceFolder
from har_ros.service.following import Following
from har_ros.service.guard import LOGIN, Guard
from har_ros.service.incoming.orders import FORM, announced, media_type
from har_ros.service.incoming.tus import PART
from har_ros.service.incoming.tus import routes as tus
from har_ros.service.jobs.routes import routes
from har_ros.service.jobs.service import Service
from har_ros.service.live.robot import Live
from har_ros.service.live.routes import routes as live_routes
from har_ros.service.pages import routes as pages
from har_ros.service.pages.render import HEADERS, STATIC, error_page
from har_ros.service.problems import PROBLEM, RESPONSES, handle_errors, of_http
from har_ros.service.settings import ServiceSettings
from har_ros.service.streams.routes import routes as stream_routes
from har_ros.service.streams.streams import Streams
from har_ros.service.teaching.routes import routes as teaching_routes
from har_ros.service.teaching.state import Teaching

API = "/v1/"
"""Beginning of the API's paths, whose errors are problem details for browsers, too."""
SMALL = 2_000_000
"""Bytes of a body that is read as a whole, at most: of an order, or a webcam's image."""
STREAMED = {
    FORM: re.compile(r"/v1/(?:jobs|classify|datasets/[^/]+/classes/[^/]+/clips)"),
    PART: re.compile(r"/v1/uploads/[0-9a-f]+"),
}
"""Media types and paths of the bodies that go to the disk as they come."""


def application(folder: Path, settings: ServiceSettings, guard: Guard, live: Live | None = None) -> FastAPI:
    """Return the application; its workers run from now on, until it has been served or state.opened is closed.

    live: the robot's cameras. Raises HarError, OSError.
    """
    with ExitStack() as begun:
        opening, decoding = (begun.enter_context(closing(Decoding(settings.memory))) for _ in range(2))
        service = begun.enter_context(closing(Service(ServiceFolder(folder), settings, opening)))
        teaching = begun.enter_context(closing(Teaching(ServiceFolder(folder), settings, decoding)))
        following = begun.enter_context(closing(Following()))
        opened = begun.pop_all()
    streams = Streams(service.models, settings.streams, settings.memory)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await streams.close()
        await asyncio.to_thread(opened.close)

    app = FastAPI(
        title="har_ros",
        version=version_of("har_ros") or "",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=RESPONSES,
    )
    app.state.guard, app.state.live = guard, live
    app.state.opened, app.state.decoding, app.state.following = opened, (opening, decoding), following
    app.state.service, app.state.teaching, app.state.streams = service, teaching, streams
    app.include_router(routes)
    app.include_router(stream_routes)
    app.include_router(live_routes)
    app.include_router(tus)
    app.include_router(teaching_routes)
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC, follow_symlink=True))
    handle_errors(app)

    @app.middleware("http")
    async def check(request: Request, go_on: Any) -> Response:
        try:
            guard.check(request)
            _check_length(request, settings.most_bytes)
            answer: Response = await go_on(request)
        except HTTPException as error:
            if error.status_code == HTTPStatus.UNAUTHORIZED and _from_browser(request):
                return RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
            answer = await of_http(request, error)
        if answer.headers.get("content-type") == PROBLEM and _from_browser(request):
            answer = await error_page(request, answer)
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    return app


def _from_browser(request: Request) -> bool:
    """Return whether a person asks for a page, rather than a program for what the API has."""
    accepted = request.headers.get("accept", "")
    return request.method in ("GET", "HEAD") and "text/html" in accepted and not request.scope["path"].startswith(API)


def _check_length(request: Request, most: int) -> None:
    """Raise HTTPException when a request is larger than allowed, or does not say how large it is.

    most: bytes of a body that goes to the disk.
    """
    given = request.headers.get("content-length", "")
    if (request.method in ("POST", "PATCH") and not given.isdecimal()) or "transfer-encoding" in request.headers:
        raise HTTPException(411, "the request does not say how long it is; send Content-Length")
    paths, length = STREAMED.get(media_type(request)), announced(request, "content-length")
    remedy = "send a smaller video"
    if paths is None or not paths.fullmatch(request.scope["path"]):
        most, remedy = min(most, SMALL), f"a video is sent as {FORM} to /v1/jobs, or in parts to /v1/uploads"
    if length > most:
        raise HTTPException(413, f"{length:,} bytes are more than the {most:,} that are taken here; {remedy}")

"""The application: routes, workers, and what is checked of every request. OpenAPI describes it at /docs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from har_ros.files.versions import version_of
from har_ros.service.api import Service, routes
from har_ros.service.folder import ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.problems import handle_errors, of_http
from har_ros.service.workers import WorkerSettings


def application(folder: Path, settings: WorkerSettings, guard: Guard, most_bytes: int) -> FastAPI:
    """Return the application, whose workers run while it does. most_bytes: of a video."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = await asyncio.to_thread(Service, ServiceFolder(folder), settings)
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(title="har_ros", version=version_of("har_ros") or "", lifespan=lifespan)
    app.include_router(routes)
    app.add_api_route("/", lambda: RedirectResponse("/docs"), include_in_schema=False)
    handle_errors(app)

    @app.middleware("http")
    async def check(request: Request, go_on: Any) -> Response:
        try:
            guard.check(request)
            _check_length(request, most_bytes)
        except HTTPException as error:
            return await of_http(request, error)
        answer: Response = await go_on(request)
        return answer

    return app


def _check_length(request: Request, most: int) -> None:
    """Raise HTTPException when a request is larger than allowed, or does not say how large it is."""
    length = request.headers.get("content-length", "")
    if (request.method == "POST" and not length.isdecimal()) or "transfer-encoding" in request.headers:
        raise HTTPException(411, "the request does not say how long it is; send Content-Length")
    if length.isdecimal() and int(length) > most:
        raise HTTPException(413, f"{int(length) / 1e6:.0f} MB are more than {most / 1e6:.0f} MB; send a smaller video")

"""Errors as problem details (RFC 9457): one sentence each."""

from __future__ import annotations

import errno
import logging
import shutil
import sqlite3
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from har_ros.errors import ConfigurationError, HarError, one_line, without_paths
from har_ros.service.process import unexpected

logger = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
TITLES = {460: "Checksum Mismatch"}
"""Of statuses that are tus's."""
FAILED, LITTLE = "disk I/O error", 1_000_000
"""What SQLite says of many failures, also of those of a full disk; bytes that are free then, at most."""
LONGEST = 1000
"""Characters of a problem's detail; it may quote what was sent."""

_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "a sentence: what is wrong, and what to do"},
    },
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be done", "content": {PROBLEM: {"schema": _SCHEMA}}},
    "5XX": {"description": "The server cannot do it now", "content": {PROBLEM: {"schema": _SCHEMA}}},
}
"""For OpenAPI: how every error is answered."""


def handle_errors(app: FastAPI) -> None:
    """Let the application answer every error with problem details."""
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(HarError, _of_har)
    app.add_exception_handler(OSError, _of_disk)
    app.add_exception_handler(FileNotFoundError, _of_erased)
    app.add_exception_handler(sqlite3.Error, _of_disk)
    app.add_exception_handler(Exception, _of_any)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return problem details (RFC 9457)."""
    detail = detail[:LONGEST].encode(errors="replace").decode()  # also of what is no text
    title = TITLES.get(status) or HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(content, status, headers, media_type=PROBLEM)


async def of_http(_: Request, error: Exception) -> Response:
    """Answer an HTTPException."""
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:  # of no route
        detail = "there is nothing at this address; check it"
    return problem(error.status_code, detail, dict(error.headers or {}))


async def _of_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return problem(422, wrong)


async def _of_any(request: Request, error: Exception) -> Response:
    logger.error("%s %s: %s (%s)", request.method, request.url.path, type(error).__name__, one_line(error))
    return problem(500, unexpected(error))


async def _of_disk(request: Request, error: Exception) -> Response:
    if not (_is_full(error) or (FAILED in str(error) and _has_little_room(request))):
        return await _of_any(request, error)
    logger.error("%s %s: %s (%s)", request.method, request.url.path, type(error).__name__, one_line(error))
    return problem(507, "the server's disk is full; erase jobs that are not needed, and try again")


def _is_full(error: Exception) -> bool:
    """Return whether something could not be written because there is no room for it."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return "disk is full" in str(error)  # Python 3.10 has no numbers of SQLite's errors


def _has_little_room(request: Request) -> bool:
    """Return whether the service's disk is all but full."""
    folder: Path = request.app.state.service.folder.path
    try:
        return shutil.disk_usage(folder).free < LITTLE
    except OSError:
        return False


async def _of_erased(_: Request, error: Exception) -> Response:
    return problem(404, "it was erased meanwhile")


async def _of_har(_: Request, error: Exception) -> Response:
    return problem(422 if isinstance(error, ConfigurationError) else 500, without_paths(str(error)))

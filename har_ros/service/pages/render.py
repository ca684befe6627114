"""How pages are made: templates with everything escaped, and files that do not change."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from har_ros.files.versions import version_of
from har_ros.reports.page import environment
from har_ros.service.options import ALLOWED

HERE = Path(__file__).parent
STATIC = HERE / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: only what this server sends is loaded and run, and no script or style within a page."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer has, unless it brings its own."""


def clock(seconds: float) -> str:
    """Return a time within a video: 1:02.5."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{minutes:.0f}:{rest:04.1f}"


def utc(seconds: float) -> str:
    """Return a time since 1970 as in HTML's `time`, whose script shows it as the visitor's own."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


def who(person: str) -> str:
    """Return the name of a person, empty for the whole image: person 3."""
    return f"person {person.rpartition('_')[2]}" if person else ""


_templates = environment(HERE / "templates")
_templates.globals["version"] = version_of("har_ros") or ""
_templates.globals["default_model"] = next(row.default for row in ALLOWED if row.name == "model")
_templates.filters.update({"clock": clock, "utc": utc, "who": who})


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page, or a part of one, from its template. values: what the template shows."""
    logged_in = bool(request.app.state.guard.session)
    content = _templates.get_template(template).render(here=request.url.path, with_token=logged_in, **values)
    return HTMLResponse(content, status, headers={"Cache-Control": "no-store"})


async def error_page(request: Request, problem: Response) -> HTMLResponse:
    """Return problem details (RFC 9457) as a page."""
    parts = getattr(problem, "body_iterator", None)  # of an answer that came through middleware
    body = bytes(problem.body) if parts is None else b"".join([part async for part in parts])
    said = json.loads(body)
    return page(request, "error.html", problem.status_code, title=said["title"], detail=said["detail"])

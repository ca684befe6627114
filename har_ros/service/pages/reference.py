"""The description of the HTTP API as a page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from har_ros.service.pages.render import page

routes = APIRouter()


@routes.get("/docs")
def reference(request: Request) -> Response:
    """Show what the API has, from its own description."""
    return page(request, "reference.html", api=request.app.openapi())

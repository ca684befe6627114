"""The description of the HTTP API as a page."""

from __future__ import annotations

from fastapi import Request, Response

from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

routes = Routes()


@routes.get("/docs")
def reference(request: Request) -> Response:
    """Show what the API has, from its own description."""
    return page(request, "reference.html", api=request.app.openapi())

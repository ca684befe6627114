"""The robot's cameras."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from har_ros.service.live import Live
from har_ros.service.pages.render import page

MOST = 4
"""Cameras on a page: a browser holds six connections to a server, and each camera takes one."""
routes = APIRouter()


@routes.get("/live")
def live(request: Request, camera: str = "") -> Response:
    """Show all cameras, or one of them."""
    return page(request, "live.html", **_shown(request.app.state.live, camera))


@routes.get("/live/cameras")
def cameras(request: Request, camera: str = "") -> Response:
    """Show the part of the page that depends on which cameras there are."""
    return page(request, "live_cameras.html", **_shown(request.app.state.live, camera))


def _shown(robot: Live | None, camera: str) -> dict[str, object]:
    state = robot.state if robot else {"running": False, "cameras": []}
    names = state["cameras"]
    shown = [camera] if camera in names else names[:MOST]
    return {"beside": robot is not None, "running": state["running"], "names": names, "shown": shown, "camera": camera}

"""The robot's cameras."""

from __future__ import annotations

from fastapi import Request, Response

from har_ros.service.live.robot import Live, LiveState
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

MOST = 4
"""Cameras on a page: a browser holds six connections to a server, and each camera takes one."""
routes = Routes()


@routes.get("/live")
def live(request: Request, camera: str = "") -> Response:
    """Show all cameras, or one of them."""
    return _page(request, "live.html", camera)


@routes.get("/live/cameras")
def cameras(request: Request, camera: str = "") -> Response:
    """Show the part of the page that depends on which cameras there are."""
    return _page(request, "live_cameras.html", camera)


def _page(request: Request, template: str, camera: str) -> Response:
    robot: Live | None = request.app.state.live
    state = robot.state if robot else LiveState(False, ())
    shown = (camera,) if camera in state.shown else state.shown[:MOST]
    return page(request, template, beside=robot is not None, state=state, shown=shown, camera=camera)

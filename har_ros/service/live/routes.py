"""The routes of the robot's cameras: their images as MJPEG, and what is said of them as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from har_ros.service.channel import Channel
from har_ros.service.live.robot import Live
from har_ros.service.routing import Routes

BOUNDARY = "image"
NOT_KEPT = {"Cache-Control": "no-store"}
NO_ROBOT = "this server does not run beside a robot's node; start it with: ros2 launch har_ros serve.launch.py"


async def live_of(request: Request) -> Live:
    """Return what the robot shows. Raises HTTPException where there is no robot."""
    live: Live | None = request.app.state.live
    if live is None:
        raise HTTPException(404, NO_ROBOT)
    return live


Robot = Annotated[Live, Depends(live_of)]
routes = Routes(prefix="/v1/live")


@routes.get("")
async def show_robot(live: Robot) -> dict[str, Any]:
    """Say whether actions are recognised on the robot, and of which cameras there are images."""
    return live.message()


@routes.get("/events", response_class=EventSourceResponse)
async def follow_robot(live: Robot) -> AsyncIterator[ServerSentEvent]:
    """Follow what the robot's cameras show: how it stands, then windows and events as they come."""
    async for said in live.said.listen(live.message()):
        yield ServerSentEvent(data=said, event=said["kind"])


@routes.get("/{camera:path}/video", response_class=StreamingResponse)
async def show_camera(live: Robot, camera: str) -> StreamingResponse:
    """Watch a camera with its actions drawn in, as MJPEG; whoever is slow gets fewer images."""
    if camera not in live.cameras:
        known = ", ".join(live.cameras) or "none"
        raise HTTPException(404, f"no annotated images of {camera} are published; there are those of: {known}")
    return StreamingResponse(
        _parts(live.cameras[camera]), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}", headers=NOT_KEPT
    )


async def _parts(camera: Channel[bytes]) -> AsyncIterator[bytes]:
    boundary = f"--{BOUNDARY}\r\n".encode()
    yield boundary
    async for image in camera.listen():
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n\r\n"
        yield head.encode() + image + b"\r\n" + boundary  # browsers show an image when they see its end

"""What /diagnostics says: one status per camera and one for the network."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from std_msgs.msg import Header

from har_ros.networks import Network
from har_ros.nodes.camera import Camera

PERIOD = 1.0
"""Seconds between two messages."""


class Diagnostics:
    """Turns the cameras' counters into messages; rates are over the time since the last one."""

    def __init__(self, model: str, network: Network, cameras: list[Camera]) -> None:
        self._model = model
        self._network = network
        self._cameras = cameras
        self._frames = dict.fromkeys(cameras, 0)
        self._dropped = dict.fromkeys(cameras, 0)
        self._windows = 0

    def message(self, clock: Clock) -> DiagnosticArray:
        """Make the message for the period that ends now."""
        windows = sum(camera.windows for camera in self._cameras)
        rate, self._windows = (windows - self._windows) / PERIOD, windows
        network = DiagnosticStatus(
            name="actionnet: network",
            hardware_id=self._model,
            message="running" if rate else "idle",
            values=_values(
                {"backend": self._network.backend.name, "windows per second": f"{rate:.1f}", "windows": windows}
            ),
        )
        cameras = [self._camera(camera) for camera in self._cameras]
        return DiagnosticArray(header=Header(stamp=clock.now().to_msg()), status=[network, *cameras])

    def _camera(self, camera: Camera) -> DiagnosticStatus:
        rate, self._frames[camera] = (camera.frames - self._frames[camera]) / PERIOD, camera.frames
        drops, self._dropped[camera] = camera.frames_dropped - self._dropped[camera], camera.frames_dropped
        if rate == 0 and drops:
            level, state = DiagnosticStatus.ERROR, "broken images only"
        elif rate == 0:
            level, state = DiagnosticStatus.WARN, "no images"
        elif camera.stream.fill < camera.stream.length:
            level, state = DiagnosticStatus.OK, f"warming up {camera.stream.fill}/{camera.stream.length}"
        else:
            level, state = DiagnosticStatus.OK, "running"
        return DiagnosticStatus(
            level=level,
            name=f"actionnet: {camera.topic}",
            hardware_id=camera.topic,
            message=state,
            values=_values(
                {
                    "frames per second": f"{rate:.1f}",
                    "frames": camera.frames,
                    "frames dropped (broken or overtaken)": camera.frames_dropped,
                    "windows": camera.windows,
                    "windows dropped (network busy)": camera.stream.windows_dropped,
                }
            ),
        )


def _values(values: dict[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=str(value)) for key, value in values.items()]

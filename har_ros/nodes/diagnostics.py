"""The content of /diagnostics: one status per camera and one for the network.

Names, levels and the frequencies' keys are those of the package diagnostic_updater, which not every machine has.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from har_ros.nodes.camera import Camera
from har_ros.nodes.follower import Follower
from har_ros.nodes.worker import Worker

PERIOD = 1.0
"""Seconds between two messages."""
STALE_AFTER = 2.0
"""Seconds without an image after which a camera counts as stale."""
DISCOVERY = 5.0
"""Seconds after subscribing in which a missing publisher is not a fault."""
HANGS_AFTER = 5.0
"""Seconds without an answer after which a network counts as failing."""

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE


@dataclass(frozen=True)
class NetworkInfo:
    """What the status of the network has beside its counters."""

    model: str
    backend: str  # Backend.name, or empty
    state: str  # of the lifecycle


@dataclass
class _Seen:
    """A camera's counters when the message before was made, and its state then."""

    frames: int = 0
    broken: int = 0
    failed: int = 0
    level: bytes = OK
    state: str = ""


class Diagnostics:
    """Makes the messages, and logs when a camera's state changes; rates are over the time since the last message."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen: WeakKeyDictionary[Camera, _Seen] = WeakKeyDictionary()  # a camera that went is not kept
        self._windows = 0
        self._last = time.monotonic()

    def message(
        self,
        info: NetworkInfo,
        worker: Worker | None,
        cameras: Sequence[Camera],
        people: Mapping[str, Worker | Follower] = {},
    ) -> DiagnosticArray:
        """Make the message for the time since the last one; no worker: the node is not active.

        people: what else runs a network, by what the network is called.
        """
        now = time.monotonic()
        elapsed, self._last = max(now - self._last, 1e-3), now
        statuses = [self._network(info, worker, people, elapsed)]
        statuses += [self._camera(camera, elapsed) for camera in cameras]
        array = DiagnosticArray(status=statuses)
        array.header.stamp = self._node.get_clock().now().to_msg()
        return array

    def _network(
        self, info: NetworkInfo, worker: Worker | None, people: Mapping[str, Worker | Follower], elapsed: float
    ) -> DiagnosticStatus:
        windows = worker.windows if worker else 0
        new, self._windows = max(0, windows - self._windows), windows
        level, message = OK, info.state if worker is None else "running" if new else "idle"
        backend, _, precision = info.backend.rpartition(", ")
        values: dict[str, object] = {"lifecycle state": info.state, "backend": backend, "precision": precision}
        if worker is not None:
            hanging = [
                f"no answer{of} for {busy:.0f} s"
                for of, part in (("", worker), *((f" of the {name}", part) for name, part in people.items()))
                if (busy := time.monotonic() - (part.busy_since or time.monotonic())) > HANGS_AFTER
            ]
            if reason := "; ".join(hanging) or worker.last_error:
                level, message = ERROR, f"failing: {reason}"
            values["windows per second"] = f"{new / elapsed:.1f}"
            values["windows"] = windows
            values |= _frequency(new, windows, elapsed)
            values["inference time (s)"] = f"{worker.inference_time:.4f}"
            values["last error"] = worker.last_error
        return _status(f"{self._node.get_fully_qualified_name()}: network", info.model, level, message, values)

    def _camera(self, camera: Camera, elapsed: float) -> DiagnosticStatus:
        seen = self._seen.get(camera, _Seen())
        level, state, more = self._state(camera, seen)
        self._log_change(camera, seen, level, state, more)
        new = camera.frames - seen.frames
        values = {
            "state": state,
            "frames per second": f"{new / elapsed:.1f}",
            "frames": camera.frames,
            "frames broken": camera.frames_broken,
            "frames without stamp": camera.frames_unstamped,
            "frames lost on the way": camera.subscription.arrivals.lost,
            "reliability": camera.subscription.reliability.name.lower(),
            **_whole(camera),
            "last error": camera.last_error,
            **_people(camera),
            **_frequency(new, camera.frames, elapsed),
        }
        self._seen[camera] = _Seen(camera.frames, camera.frames_broken, _failures(camera), level, state)
        message = f"{state}: {more}" if more else state
        return _status(f"{self._node.get_fully_qualified_name()}: {camera.topic}", camera.topic, level, message, values)

    def _state(self, camera: Camera, seen: _Seen) -> tuple[bytes, str, str]:
        """Return the level, the state, and details."""
        losses = camera.subscription.losses
        if losses and not camera.frames:
            return WARN, "losing images", losses
        if camera.last_arrival is None:
            young = time.monotonic() - camera.subscribed_at < DISCOVERY
            return (OK if young else WARN), "waiting", camera.subscription.hindrance()
        if (silence := time.monotonic() - camera.last_arrival) > STALE_AFTER:
            return STALE, "stale", f"no image for {silence:.0f} s"
        broken_only = camera.frames == seen.frames and camera.frames_broken > seen.broken
        if broken_only or _failures(camera) > seen.failed:
            return ERROR, "failing", camera.last_error
        if losses:
            return WARN, "losing images", losses
        if camera.whole and camera.stream.fill < camera.stream.length:
            return OK, "warming up", f"{camera.stream.fill}/{camera.stream.length}"
        if camera.whole and (still := camera.stream.still):
            return OK, "running", f"idle, nothing has moved for {still:.0f} s"
        return OK, "running", ""

    def _log_change(self, camera: Camera, seen: _Seen, level: bytes, state: str, more: str) -> None:
        if (level, state) == (seen.level, seen.state):
            return
        text = f"{camera.topic}: {state}" + (f" ({more})" if more else "")
        if level == OK:
            self._node.get_logger().info(text)
        else:
            self._node.get_logger().warning(text)


def _failures(camera: Camera) -> int:
    """Return how many windows had no answer, and in how many images nobody could be looked for."""
    return camera.windows_failed + (camera.watch.frames_failed + camera.watch.windows_failed if camera.watch else 0)


def _whole(camera: Camera) -> dict[str, object]:
    """What there is to say where whole images are recognised."""
    if not camera.whole:
        return {}
    stream = camera.stream
    return {
        "frames overtaken": stream.frames_overtaken,
        "frames repeated": stream.frames_repeated,
        "window": f"{stream.fill}/{stream.length} frames, spanning {stream.extent}",
        "windows": camera.windows,
        "windows dropped (network busy)": stream.windows_dropped,
        "windows left out (idle)": stream.windows_idle,
        "windows failed": camera.windows_failed,
        "restarts (gap)": stream.gaps,
        "restarts (clock went back)": stream.clock_jumps,
        "restarts (image size changed)": stream.size_changes,
        "age of the last result (s)": f"{camera.age:.3f}",
    }


def _people(camera: Camera) -> dict[str, object]:
    """What there is to say where people are followed."""
    watch = camera.watch
    if watch is None:
        return {}
    return {
        "people": len(watch.people),
        "frames searched for people": watch.frames,
        "frames not searched (pose network busy)": watch.frames_dropped,
        "frames failed (people)": watch.frames_failed,
        "people ignored (max_persons)": watch.ignored,
        "windows failed (people)": watch.windows_failed,
    }


def _frequency(events: int, total: int, seconds: float) -> dict[str, object]:
    """What diagnostic_updater's FrequencyStatus says, but for targets: stamps decide what a window samples."""
    return {
        "Events in window": events,
        "Events since startup": total,
        "Duration of window (s)": f"{seconds:f}",
        "Actual frequency (Hz)": f"{events / seconds:f}",
    }


def _status(name: str, hardware_id: str, level: bytes, message: str, values: dict[str, object]) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(name=name, hardware_id=hardware_id, level=level, message=message, values=pairs)

"""People as ROS4HRI's bodies: the topics of REP-155, with the package hri_msgs, which only this needs.

Types and QoS are those of hri_body_detect, which libhri and hri_rviz read.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from threading import Lock
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header

from har_ros.errors import ConfigurationError
from har_ros.frames.pixels import CameraImage
from har_ros.nodes import conversions, topics
from har_ros.persons.skeleton import box_in_image, openpose
from har_ros.persons.tracks import Track
from har_ros.pipeline.people import Person

BODIES = "/humans/bodies"
QUEUE = 1
"""As in hri_body_detect: only the newest counts."""
SILENCE = 3.0
"""Seconds without an image after which the people of a camera are no longer listed."""


def check(values: dict[str, Any]) -> None:
    """Raise ConfigurationError when the node's parameters ask for ROS4HRI's topics and cannot have them."""
    if not values["ros4hri"]:
        return
    if not values["persons"]:
        raise ConfigurationError("parameter ros4hri is true, but persons is false; set persons to true, too")
    _messages()


def _messages() -> Any:
    """Return the module with the messages of hri_msgs. Raises ConfigurationError when they are not installed."""
    try:
        from hri_msgs import msg
    except ImportError as error:
        raise ConfigurationError(
            f"parameter ros4hri is true, but hri_msgs cannot be imported ({error}); "
            "run: sudo apt install ros-$ROS_DISTRO-hri-msgs"
        ) from None
    return msg


class Humans:
    """The list of all cameras' people, which they share: nodes take who is not in it for gone."""

    def __init__(self, node: Node) -> None:
        """Raises ConfigurationError when hri_msgs is missing, or QoS overrides cannot work."""
        self.node = node
        self.messages = _messages()
        self.lock = Lock()  # images come on the thread that follows people, cameras go on the executor's
        self._tracked: Publisher = topics.publisher(node, self.messages.IdsList, f"{BODIES}/tracked", QUEUE)
        self._seen: dict[Bodies, tuple[float, list[str]]] = {}  # when (monotonic seconds) and who

    def see(self, bodies: Bodies, header: Header, ids: list[str]) -> None:
        """Publish the list with who a camera follows. The caller holds the lock."""
        self._seen[bodies] = time.monotonic(), ids
        self._publish(header)

    def forget(self, bodies: Bodies) -> None:
        """Publish the list without the people of a camera. The caller holds the lock."""
        if self._seen.pop(bodies, None) is not None and self.node.context.ok():
            self._publish(conversions.header(self.node.get_clock().now().nanoseconds, ""))

    def _publish(self, header: Header) -> None:
        oldest = time.monotonic() - SILENCE
        listed = [name for when, ids in self._seen.values() if when >= oldest for name in ids]
        self._tracked.publish(self.messages.IdsList(header=header, ids=listed))

    def close(self) -> None:
        """End the topic; the cameras' have ended."""
        self.node.destroy_publisher(self._tracked)


class Bodies:
    """The people of one camera. Each has topics of their own as long as they are followed."""

    def __init__(self, humans: Humans) -> None:
        self._humans = humans
        self._publishers: dict[str, tuple[Publisher, Publisher]] = {}
        self._closed = False

    def publish(self, image: CameraImage, persons: Sequence[Person], followed: Collection[str]) -> None:
        """Say who is in an image. followed: the ids of all who may come back; others are gone, and their topics too.

        Who is hidden for some images stays in the list: libhri starts over with each return, and misses messages.
        """
        with self._humans.lock:
            if self._closed:
                return
            self._end(self._publishers.keys() - followed)
            tracks = [person.track for person in persons]
            for name in (track.id for track in tracks if track.id not in self._publishers):
                self._publishers[name] = self._begin(name)
            header = conversions.header(image.stamp, image.frame_id)
            self._humans.see(self, header, [*self._publishers])
            for track in tracks:
                roi, skeleton = self._publishers[track.id]
                roi.publish(self._region(header, track, image.size))
                skeleton.publish(self._skeleton(header, track, image.size))

    def close(self) -> None:
        """End the topics of all."""
        with self._humans.lock:
            self._closed = True
            self._end([*self._publishers])
            self._humans.forget(self)

    def _begin(self, name: str) -> tuple[Publisher, Publisher]:
        node, messages = self._humans.node, self._humans.messages
        return (
            topics.temporary_publisher(node, messages.NormalizedRegionOfInterest2D, f"{BODIES}/{name}/roi", QUEUE),
            topics.temporary_publisher(node, messages.Skeleton2D, f"{BODIES}/{name}/skeleton2d", QUEUE),
        )

    def _end(self, names: Collection[str]) -> None:
        for name in names:
            for publisher in self._publishers.pop(name):
                self._humans.node.destroy_publisher(publisher)

    def _region(self, header: Header, track: Track, size: tuple[int, int]) -> Any:
        left, top, right, bottom = box_in_image(track.box, size)
        return self._humans.messages.NormalizedRegionOfInterest2D(
            header=header, xmin=left, ymin=top, xmax=right, ymax=bottom, c=track.score
        )

    def _skeleton(self, header: Header, track: Track, size: tuple[int, int]) -> Any:
        message = self._humans.messages.Skeleton2D(header=header)  # with its 18 joints
        for joint, (x, y, confidence) in zip(message.skeleton, openpose(track.keypoints, size).tolist(), strict=True):
            joint.x, joint.y, joint.c = x, y, confidence
        return message

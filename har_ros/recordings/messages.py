"""The messages that bags hold, as rosbags has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from har_ros.frames.sampling import SECOND
from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.scores import Hypothesis

EVENT_DEFINITION = """\
uint8 STARTED=0
uint8 GOING_ON=1
uint8 ENDED=2
std_msgs/Header header
string id
string image_topic
string track_id
string class_id
uint8 state
builtin_interfaces/Time start
builtin_interfaces/Time end
float64 score
builtin_interfaces/Time said
"""
"""msg/ActionEvent.msg without its comments; where har_ros is installed without ROS, there is no such file."""
STATES = {EventState.STARTED: 0, EventState.GOING_ON: 1, EventState.ENDED: 2}

ROS1 = get_typestore(Stores.ROS1_NOETIC)
ROS2 = get_typestore(Stores.ROS2_HUMBLE)
ROS2.register(
    {
        **get_types_from_msg("string class_id\nfloat64 score\n", "vision_msgs/msg/ObjectHypothesis"),
        **get_types_from_msg(
            "std_msgs/Header header\nvision_msgs/ObjectHypothesis[] results\n", "vision_msgs/msg/Classification"
        ),
        **get_types_from_msg(EVENT_DEFINITION, "har_ros/msg/ActionEvent"),
    }
)
"""Those of Humble, which have not changed since, what of vision_msgs 4 is on /actions, and our own."""

_TYPES: Any = ROS2.types


def image(pixels: NDArray[np.uint8], encoding: str, stamp: int, frame_id: str) -> Any:
    """Make sensor_msgs/Image of uint8 H×W×3. stamp: nanoseconds."""
    height, width, channels = pixels.shape
    data = np.ascontiguousarray(pixels).reshape(-1)
    kind = _TYPES["sensor_msgs/msg/Image"]
    return kind(_header(stamp, frame_id), height, width, encoding, 0, width * channels, data)


def compressed_image(jpeg: NDArray[np.uint8], stamp: int, frame_id: str) -> Any:
    """Make sensor_msgs/CompressedImage of a JPEG file's bytes, 1-D uint8."""
    return _TYPES["sensor_msgs/msg/CompressedImage"](_header(stamp, frame_id), "jpeg", jpeg)


def classification(hypotheses: tuple[Hypothesis, ...], stamp: int, frame_id: str) -> Any:
    """Make vision_msgs/Classification, as on /actions."""
    results = [_TYPES["vision_msgs/msg/ObjectHypothesis"](h.label, h.score) for h in hypotheses]
    return _TYPES["vision_msgs/msg/Classification"](_header(stamp, frame_id), results)


def action_event(event: Event, name: str, topic: str, frame_id: str) -> Any:
    """Make har_ros/ActionEvent, as on /actions/events. name: its id. topic: the camera's."""
    return _TYPES["har_ros/msg/ActionEvent"](
        _header(event.end, frame_id),
        name,
        topic,
        event.person,
        event.label,
        STATES[event.state],
        _time(event.start),
        _time(event.end),
        event.score,
        _time(event.said),
    )


def _header(stamp: int, frame_id: str) -> Any:
    return _TYPES["std_msgs/msg/Header"](_time(stamp), frame_id)


def _time(stamp: int) -> Any:
    return _TYPES["builtin_interfaces/msg/Time"](stamp // SECOND, stamp % SECOND)

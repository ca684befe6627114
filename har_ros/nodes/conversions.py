"""Conversions between messages and the core's types."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Classification, Detection2D, ObjectHypothesis, ObjectHypothesisWithPose

from har_ros.errors import ImageError, one_line
from har_ros.frames.cdr import read_image
from har_ros.frames.pixels import ENCODINGS, CameraImage
from har_ros.frames.sampling import SECOND
from har_ros.nodes.image_messages import Taken
from har_ros.persons.tracks import Track
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.scores import Hypothesis


def camera_image(message: Taken) -> CameraImage:
    """View a sensor_msgs/Image, without a copy where its encoding is one of ours. Raises ImageError."""
    image = read_image(message) if isinstance(message, bytes) else message.view()
    return image if image.encoding in ENCODINGS else _converted_by_cv_bridge(image)


def image_message(pixels: NDArray[np.uint8], encoding: str, header: Header) -> Image:
    """Make a message of uint8 H×W×3 pixels; their bytes are copied once."""
    data, (height, width, channels) = _bytes(pixels), pixels.shape
    return Image(header=header, height=height, width=width, encoding=encoding, step=width * channels, data=data)


def _bytes(pixels: NDArray[np.uint8]) -> array[int]:
    """Return pixels as messages have them, copied once."""
    data = array("B")
    data.frombytes(np.ascontiguousarray(pixels).reshape(-1).data)
    return data


def classification(header: Header, hypotheses: Iterable[Hypothesis]) -> Classification:
    """Make the message for /actions; no hypotheses mean that nothing was recognised."""
    return Classification(header=header, results=object_hypotheses(hypotheses))


def object_hypotheses(hypotheses: Iterable[Hypothesis]) -> list[ObjectHypothesis]:
    """Make vision_msgs of classes and their scores, in the same order."""
    return [ObjectHypothesis(class_id=h.label, score=h.score) for h in hypotheses]


def evidence(header: Header, result: Result, age: int) -> dict[str, Any]:
    """Return the fields that ActionWindow and PersonWindow share. age: of the newest frame, nanoseconds."""
    return {
        "header": header,
        "window_start": time_message(result.start),
        "window_end": header.stamp,
        "frames": result.frames,
        "hypotheses": object_hypotheses(result.prediction.hypotheses),
        "threshold": result.prediction.threshold,
        "inference_time": duration_message(round(result.inference_time * SECOND)),
        "backend": result.backend,
        "age": duration_message(age),
    }


def detection(header: Header, track: Track, hypotheses: Iterable[Hypothesis]) -> Detection2D:
    """Make a message of a person: the box, the track's id, and what the person does, best first."""
    left, top, right, bottom = track.box
    found = Detection2D(header=header, id=track.id)
    found.bbox.center.position.x, found.bbox.center.position.y = (left + right) / 2, (top + bottom) / 2
    found.bbox.size_x, found.bbox.size_y = right - left, bottom - top
    found.results = [ObjectHypothesisWithPose(hypothesis=one) for one in object_hypotheses(hypotheses)]
    return found


def header(stamp: int, frame_id: str) -> Header:
    """Make a header from a stamp in nanoseconds."""
    return Header(stamp=time_message(stamp), frame_id=frame_id)


def nanoseconds(stamp: Time) -> int:
    """Return a message's time in nanoseconds."""
    return int(stamp.sec) * SECOND + int(stamp.nanosec)


def time_message(stamp: int) -> Time:
    """Make a message of a time in nanoseconds."""
    return Time(sec=stamp // SECOND, nanosec=stamp % SECOND)


def duration_message(nanoseconds: int) -> Duration:
    """Make a message of a duration in nanoseconds; more than its 32 bits of seconds becomes their limit."""
    seconds = min(max(nanoseconds // SECOND, -(2**31)), 2**31 - 1)
    return Duration(sec=seconds, nanosec=nanoseconds % SECOND)


def _converted_by_cv_bridge(image: CameraImage) -> CameraImage:
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise ImageError(
            f"encoding {image.encoding!r} needs cv_bridge, which is not installed; "
            f"install it or use one of {', '.join(ENCODINGS)}"
        ) from None
    message = Image(height=image.height, width=image.width, encoding=image.encoding, step=image.step)
    message.is_bigendian, message.data = int(image.is_bigendian), _bytes(image.data)
    try:
        pixels = CvBridge().imgmsg_to_cv2(message, "rgb8")
    except Exception as error:  # cv_bridge passes on any error that the bytes cause
        raise ImageError(f"cv_bridge cannot convert encoding {image.encoding!r} ({one_line(error)})") from None
    return CameraImage.of_array(pixels, image.stamp, "rgb8", image.frame_id)

"""Images as rcl takes them, in messages of C, whose pixels are viewed without a copy.

rclpy's way copies a serialized message twice, into one of rcl's and then into bytes of Python's, after Fast DDS has
copied it: of 1920×1080, 2.3 ms of CPU in place of 0.9, and of 640×480, 0.22 in place of 0.12. This module knows how C
lays out a sensor_msgs/Image, and tries it with a message of Python's: where it is different, images take rclpy's way.
"""

from __future__ import annotations

import ctypes
from array import array
from ctypes import (
    PYFUNCTYPE,
    PyDLL,
    Structure,
    c_bool,
    c_char,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
    py_object,
    pythonapi,
)
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from rclpy.logging import get_logger
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from har_ros.errors import ImageError, one_line
from har_ros.frames.cdr import utf8
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import SECOND
from har_ros.nodes.wait_sets import take_one

OK, NOTHING_THERE = 0, 401
"""What rcl_take returns (rcl/types.h): RCL_RET_OK, RCL_RET_SUBSCRIPTION_TAKE_FAILED."""
UNNUMBERED = 2**64 - 1
"""RMW_MESSAGE_INFO_SEQUENCE_NUMBER_UNSUPPORTED (rmw/types.h)."""


class _Bytes(Structure):
    """rosidl_runtime_c__String, without the zero that ends it, and rosidl_runtime_c__uint8__Sequence."""

    _fields_ = (("address", c_void_p), ("size", c_size_t), ("capacity", c_size_t))


class _Fields(Structure):
    """sensor_msgs__msg__Image, with its header."""

    _fields_ = (
        ("sec", c_int32),
        ("nanosec", c_uint32),
        ("frame_id", _Bytes),
        ("height", c_uint32),
        ("width", c_uint32),
        ("encoding", _Bytes),
        ("is_bigendian", c_uint8),
        ("step", c_uint32),
        ("data", _Bytes),
    )


class _Info(Structure):
    """How rmw_message_info_t begins, from Galactic on, with room for the rest of it."""

    _fields_ = (("stamps", c_uint64 * 2), ("publication_sequence_number", c_uint64), ("rest", c_char * 512))


@dataclass(frozen=True)
class _Functions:
    """Functions of C's: rcl_take, those of sensor_msgs that make and free a message, and those of rcl's error state."""

    take: Any
    make: Any
    free: Any
    error_is_set: Any
    reset_error: Any


class ImageMessage:
    """A sensor_msgs/Image of C's, which is there as long as anyone views its pixels."""

    def __init__(self, functions: _Functions) -> None:
        self.readable = True
        self.address: int = functions.make()
        self._free = functions.free

    def __del__(self) -> None:
        """Free it."""
        self._free(self.address)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """Let numpy view its bytes, and keep this."""
        data = _Fields.from_address(self.address).data
        return {"version": 3, "shape": (data.size,), "typestr": "|u1", "data": (data.address or self.address, True)}

    def view(self) -> CameraImage:
        """View it as an image. Raises ImageError where it could not be read, and for a text that is none."""
        if not self.readable:
            raise ImageError("the middleware cannot read the message; check its publisher")
        fields = _Fields.from_address(self.address)
        return CameraImage(
            np.asarray(self),
            fields.height,
            fields.width,
            _text(fields.encoding),
            fields.step,
            bool(fields.is_bigendian),
            fields.sec * SECOND + fields.nanosec,
            _text(fields.frame_id),
        )


Taken = bytes | ImageMessage
"""An image as it was taken: serialized, rclpy's way, or a message of C's."""


def take_image(subscription: Subscription) -> tuple[Taken, dict[str, Any]] | None:
    """Take the next image and what the middleware knows of it, see TakeOne."""
    functions = _functions()
    if functions is None:
        return take_one(subscription)
    message, info = ImageMessage(functions), _Info()
    functions.reset_error()  # of others, which they left
    result = functions.take(subscription.handle.pointer, message.address, ctypes.byref(info), None)
    if failed := functions.error_is_set():
        functions.reset_error()
    if result == OK:
        number = info.publication_sequence_number
        return message, {"publication_sequence_number": None if number == UNNUMBERED else number}
    if result != NOTHING_THERE:
        return take_one(subscription)  # which raises what is wrong
    message.readable = False
    return (message, {}) if failed else None


@cache
def _functions() -> _Functions | None:
    """Return C's functions; None where an image is laid out in another way than _Fields."""
    if find_spec("rosidl_buffer"):  # from Lyrical on, pixels may be elsewhere; it has not run there
        return None
    try:
        support: Any = type(Image)
        if support._CREATE_ROS_MESSAGE is None:  # before the first publisher or subscription
            support.__import_type_support__()
        make = PYFUNCTYPE(c_void_p)(_pointer(support._CREATE_ROS_MESSAGE))
        free = PYFUNCTYPE(None, c_void_p)(_pointer(support._DESTROY_ROS_MESSAGE))
        fill = PYFUNCTYPE(c_bool, py_object, c_void_p)(_pointer(support._CONVERT_FROM_PY))
        rcl, rcutils = PyDLL("librcl.so"), PyDLL("librcutils.so")  # as rclpy, they keep the interpreter
        take = PYFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_void_p)(("rcl_take", rcl))
        error_is_set = PYFUNCTYPE(c_bool)(("rcutils_error_is_set", rcutils))
        reset_error = PYFUNCTYPE(None)(("rcutils_reset_error", rcutils))
        found = _Functions(take, make, free, error_is_set, reset_error)
        _check(ImageMessage(found), fill)
    except (AttributeError, OSError, TypeError, ValueError, ImageError) as error:
        get_logger("har_ros").warning(
            f"images take rclpy's own way, which costs more CPU: messages are not as they were ({one_line(error)})"
        )
        return None
    return found


def _pointer(capsule: Any) -> int:
    """Return what a capsule of Python's C interface holds. Raises ValueError where it is none."""
    name = PYFUNCTYPE(c_char_p, py_object)(("PyCapsule_GetName", pythonapi))
    pointer = PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", pythonapi))
    return int(pointer(capsule, name(capsule)))


def _check(message: ImageMessage, fill: Any) -> None:
    """Raise ValueError when what rclpy writes into a message of C's is not read from it."""
    known = Image(height=1, width=2, encoding="mono8", is_bigendian=1, step=3, data=array("B", [4, 5, 6]))
    known.header.stamp.sec, known.header.stamp.nanosec, known.header.frame_id = 7, 8, "nine"
    fill(known, message.address)
    fields = _Fields.from_address(message.address)
    texts = [(text.size, text.capacity) for text in (fields.frame_id, fields.encoding, fields.data)]
    if texts != [(4, 5), (5, 6), (3, 3)]:  # before any address is followed
        raise ValueError(f"texts of {texts} bytes")
    expected, found = CameraImage.of_message(known, 7 * SECOND + 8), message.view()
    if repr(found) != repr(expected):
        raise ValueError(f"{found} was read of {expected}")


def _text(text: _Bytes) -> str:
    """Return a text. Raises ImageError when it is none."""
    return utf8(ctypes.string_at(text.address, text.size))

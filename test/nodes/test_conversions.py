import sys
import types
from array import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from har_ros.errors import ImageError
from har_ros.frames.pixels import to_rgb
from har_ros.nodes import conversions


def test_pixels_survive_the_way_through_a_message():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    message = conversions.image_message(pixels, "bgr8", conversions.header(3_000_000_001, "camera"))
    image = conversions.camera_image(serialize_message(message))
    np.testing.assert_array_equal(to_rgb(image), pixels[..., ::-1])
    assert (image.stamp, image.frame_id) == (3_000_000_001, "camera")


def test_an_encoding_for_cv_bridge_says_so_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)  # its import fails
    with pytest.raises(ImageError, match="encoding '32FC1' needs cv_bridge, which is not installed; install it or use"):
        conversions.camera_image(serialize_message(Image(encoding="32FC1")))


def test_cv_bridge_gets_the_message(monkeypatch):
    """Here one that turns 16 bits into three channels of 8."""
    got = []

    class CvBridge:
        def imgmsg_to_cv2(self, message, encoding):
            got.append(message)
            assert encoding == "rgb8"
            grey = np.frombuffer(message.data, "<u2").astype(np.uint8).reshape(message.height, message.width)
            return np.dstack([grey] * 3)

    monkeypatch.setitem(sys.modules, "cv_bridge", types.SimpleNamespace(CvBridge=CvBridge))
    pixels = array("B", np.arange(6, dtype="<u2").tobytes())
    sent = Image(height=2, width=3, encoding="16UC1", step=6, is_bigendian=0, data=pixels)
    sent.header.frame_id, sent.header.stamp.sec = "camera", 1
    image = conversions.camera_image(serialize_message(sent))
    np.testing.assert_array_equal(to_rgb(image), np.dstack([np.arange(6).reshape(2, 3)] * 3))
    assert (image.stamp, image.frame_id, got[0].encoding, got[0].step) == (10**9, "camera", "16UC1", 6)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 10**9 - 1))
def test_times_survive_to_the_nanosecond(sec, nanosec):
    stamp = Time(sec=sec, nanosec=nanosec)
    assert conversions.time_message(conversions.nanoseconds(stamp)) == stamp


@given(st.integers(-(10**20), 10**20))
def test_any_duration_fits_its_message(nanoseconds):
    message = conversions.duration_message(nanoseconds)
    if abs(nanoseconds) < 2**31 * 10**9:
        assert message.sec * 10**9 + message.nanosec == nanoseconds

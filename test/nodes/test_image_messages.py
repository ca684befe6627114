"""Images in messages of C, compared with those that rclpy makes in Python."""

import ctypes
import dataclasses
import weakref
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from har_ros.errors import ImageError
from har_ros.frames.pixels import CameraImage
from har_ros.nodes import image_messages
from har_ros.nodes.conversions import camera_image, header, nanoseconds
from har_ros.nodes.image_messages import ImageMessage, take_image
from har_ros.nodes.wait_sets import take_directly

TOPIC = "/cam01/image_raw"
SECONDS, NANOSECONDS = st.integers(-(2**31), 2**31 - 1), st.integers(0, 10**9 - 1)
NUMBERS, TEXTS = st.integers(0, 2**32 - 1), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)


@pytest.fixture
def publisher(ros):
    return ros.node.create_publisher(Image, TOPIC, QoSProfile(depth=30))


@pytest.fixture
def taken(ros, publisher):
    """What has been taken, with what the middleware knows of it."""
    found = []
    subscription = ros.node.create_subscription(Image, TOPIC, lambda message: None, QoSProfile(depth=30), raw=True)
    take_directly(subscription, found.extend, 5, take_image)
    ros.until(publisher.get_subscription_count, "the subscription")
    return found


@pytest.fixture
def found_anew():
    """C's functions are."""
    image_messages._functions.cache_clear()
    yield
    image_messages._functions.cache_clear()


def message_of(brightness, size=64):
    data = array("B", [brightness]) * size**2
    return Image(header=header(brightness, "camera"), height=size, width=size, encoding="mono8", step=size, data=data)


@given(SECONDS, NANOSECONDS, NUMBERS, NUMBERS, NUMBERS, st.integers(0, 255), st.binary(max_size=99), TEXTS, TEXTS)
def test_a_message_is_read_as_rclpy_writes_it(
    sec, nanosec, height, width, step, is_bigendian, data, encoding, frame_id
):
    message = Image(height=height, width=width, step=step, is_bigendian=is_bigendian, encoding=encoding)
    message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id = sec, nanosec, frame_id
    message.data = array("B", data)
    found = ImageMessage(image_messages._functions())
    fill = ctypes.PYFUNCTYPE(ctypes.c_bool, ctypes.py_object, ctypes.c_void_p)
    assert fill(image_messages._pointer(type(Image)._CONVERT_FROM_PY))(message, found.address)
    assert repr(found.view()) == repr(CameraImage.of_message(message, nanoseconds(message.header.stamp)))


def test_images_and_their_numbers_come_through_the_middleware(ros, publisher, taken):
    for number in range(10):
        publisher.publish(message_of(number))
        ros.until(lambda count=number + 1: len(taken) == count, "an image")
    assert {type(message) for message, _ in taken} == {ImageMessage}
    images = [camera_image(message) for message, _ in taken]
    assert [(image.stamp, image.data[0], image.data.size) for image in images] == [(n, n, 4096) for n in range(10)]
    numbers = [info["publication_sequence_number"] for _, info in taken]
    assert np.diff(numbers).tolist() == [1] * 9


def test_pixels_stay_as_long_as_they_are_viewed_and_no_longer(ros, publisher, taken):
    """Ten images of 1 MB after the first, whose memory they would take."""
    publisher.publish(message_of(200, 1024))
    ros.until(lambda: taken, "the first image")
    message = taken.pop()[0]
    pixels, gone = camera_image(message).data[100:], weakref.ref(message)
    del message
    for number in range(10):
        publisher.publish(message_of(number, 1024))
        ros.until(lambda: taken, "an image")
        taken.clear()
    assert (pixels == 200).all()
    assert gone() is not None
    del pixels
    assert gone() is None


def test_each_message_is_freed_once():
    made, freed = [], []
    functions = image_messages._functions()

    def make():
        made.append(functions.make())
        return made[-1]

    message = ImageMessage(dataclasses.replace(functions, make=make, free=freed.append))
    views = [message.view(), message.view()]
    del message
    assert not freed
    views.clear()
    assert freed == made
    functions.free(*made)


def test_what_cannot_be_read_is_said_and_the_next_one_comes(ros, publisher, taken, capfd):
    good = serialize_message(message_of(1))
    for broken, reason in (
        (good[:30], "the middleware cannot read the message; check its publisher"),
        (good.replace(b"mono8", b"mono\xff"), r"a text that is not UTF-8 \(b'mono\\xff'\)"),
    ):
        publisher.publish(broken)
        ros.until(lambda: taken, "what cannot be read")
        with pytest.raises(ImageError, match=reason):
            camera_image(taken.pop()[0])
    publisher.publish(good[:-3])  # of which Fast DDS says nothing
    publisher.publish(good)
    ros.until(lambda: taken, "the image")
    assert camera_image(taken[0][0]).data.tobytes() == bytes([1]) * 4096
    with pytest.raises(rclpy_implementation.RCLError, match="must not"):
        ros.node.resolve_topic_name("/a//b")
    assert "overwritten" not in capfd.readouterr().err


def test_where_there_is_none_rclpy_is_not_asked(ros, monkeypatch):
    """Nor is somebody else's error taken for one of its own."""
    subscription = ros.node.create_subscription(Image, TOPIC, lambda message: None, 1, raw=True)
    monkeypatch.setattr(image_messages, "take_one", None)
    ctypes.PyDLL("librcutils.so").rcutils_set_error_state(b"of somebody else", b"file", ctypes.c_size_t(1))
    assert take_image(subscription) is None


SWAPPED = (0, 1, 2, 4, 3, 5, 6, 7, 8)
LATER = (0, 1, 3, 2, 4, 5, 6, 7, 8)
"""Places of a message's fields, in another order; the second has a number where there is an address."""


@pytest.mark.parametrize("unknown", [SWAPPED, LATER, "library"])
def test_where_messages_are_otherwise_rclpys_way_is_taken(
    ros, publisher, taken, found_anew, monkeypatch, capfd, unknown
):
    if unknown == "library":
        monkeypatch.setattr(image_messages, "PyDLL", lambda name: ctypes.CDLL(f"no{name}"))
    else:
        fields = [image_messages._Fields._fields_[place] for place in unknown]
        monkeypatch.setattr(image_messages, "_Fields", type("_Fields", (ctypes.Structure,), {"_fields_": fields}))
    for number in range(3):
        publisher.publish(message_of(number))
    ros.until(lambda: len(taken) == 3, "the images")
    assert [camera_image(message).data[0] for message, _ in taken] == [0, 1, 2]
    assert {type(message) for message, _ in taken} == {bytes}
    assert capfd.readouterr().err.count("images take rclpy's own way") == 1

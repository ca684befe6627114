"""Images as they travel, compared with rosbags, which writes and reads them on its own."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from har_ros.errors import ImageError
from har_ros.frames.cdr import read_encoded_image, read_image

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
NUMBER = st.integers(0, 2**32 - 1)
DATA = st.binary(max_size=50).map(lambda data: np.frombuffer(data, np.uint8))


def header(sec, nanosec, frame_id):
    stamp = TYPES["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec)
    return TYPES["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


HEADERS = st.builds(header, st.integers(-(2**31), 2**31 - 1), st.integers(0, 10**9 - 1), TEXT)
IMAGES = st.builds(
    TYPES["sensor_msgs/msg/Image"],
    header=HEADERS,
    height=NUMBER,
    width=NUMBER,
    encoding=TEXT,
    is_bigendian=st.integers(0, 1),
    step=NUMBER,
    data=DATA,
)
FILES = st.builds(TYPES["sensor_msgs/msg/CompressedImage"], header=HEADERS, format=TEXT, data=DATA)


def written(message, little):
    return bytes(STORE.serialize_cdr(message, message.__msgtype__, little_endian=little))


def stamp(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


@given(IMAGES, st.booleans())
def test_any_image_is_read_as_rosbags_wrote_it(message, little):
    image = read_image(written(message, little))
    assert (image.height, image.width, image.encoding) == (message.height, message.width, message.encoding)
    assert (image.step, image.is_bigendian) == (message.step, bool(message.is_bigendian))
    assert (image.stamp, image.frame_id) == (stamp(message), message.header.frame_id)
    np.testing.assert_array_equal(image.data, message.data)


@given(FILES, st.booleans())
def test_any_file_is_read_as_rosbags_wrote_it(message, little):
    image = read_encoded_image(written(message, little))
    assert (image.stamp, image.frame_id) == (stamp(message), message.header.frame_id)
    np.testing.assert_array_equal(image.data, message.data)


def test_pixels_are_viewed_not_copied():
    data = written(TYPES["sensor_msgs/msg/Image"](header(0, 0, ""), 1, 3, "mono8", 0, 3, np.uint8([1, 2, 3])), True)
    assert np.shares_memory(read_image(data).data, np.frombuffer(data, np.uint8))


@given(IMAGES, st.data())
def test_an_image_that_is_cut_off_is_refused(message, data):
    whole = written(message, True)
    length = data.draw(st.integers(0, len(whole) - 1 if message.data.size else len(whole) - 4))
    refused = r"^the message (ends after \d+ bytes, \d+ needed|begins with b.*, and not as plain CDR)"
    with pytest.raises(ImageError, match=refused):
        read_image(whole[:length])


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: b"\0\1\0\0" + data))
@example(b"\0\1\0\0" + bytes(8) + b"\xff\xff\xff\xff")
@example(b"\0\1\0\0" + bytes(8) + b"\2\0\0\0\xff\0")
@example(b"\0\7\0\0" + bytes(80))
def test_any_other_bytes_are_refused_or_are_an_image(data):
    for read in (read_image, read_encoded_image):
        try:
            assert read(data).data.size <= len(data)
        except ImageError as error:
            assert re.fullmatch(
                r"the message .+; (check its publisher|use another middleware .+ or record it again)", str(error)
            )

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.frames.pixels import CameraImage
from har_ros.frames.spec import Resize
from har_ros.persons.crops import MARGIN, Crop, Square

SECOND = 1_000_000_000
LINEAR = Resize("linear", shorter_side=256)


def picture(height, width, stamp=0):
    pixels = np.random.default_rng(0).integers(1, 256, (height, width, 3), np.uint8)
    return pixels, CameraImage.of_array(pixels, stamp, "rgb8", "camera")


def test_a_square_inside_the_image_is_that_part_of_it():
    pixels, image = picture(100, 120)
    slot = np.zeros((32, 32, 3), np.uint8)
    Crop(image, 20, 30, 64).write(slot, LINEAR)
    np.testing.assert_array_equal(slot, cv2.resize(pixels[30:94, 20:84], (32, 32)))


@given(st.integers(-90, 90), st.integers(-90, 90), st.integers(2, 200))
def test_what_lies_outside_the_image_is_black(left, top, side):
    """By where each pixel comes from, but for those whose own edge is the image's."""
    _, image = picture(60, 80)
    slot = np.full((16, 16, 3), 9, np.uint8)
    Crop(image, left, top, side).write(slot, Resize("nearest"))
    pixel = side / 16
    y, x = (begin + (np.arange(16) + 0.5) * pixel for begin in (top, left))
    inside = ((y > 0) & (y < 60))[:, None] & ((x > 0) & (x < 80))[None]
    on_the_edge = (np.minimum(abs(y), abs(y - 60)) < pixel)[:, None] | (np.minimum(abs(x), abs(x - 80)) < pixel)[None]
    np.testing.assert_array_equal((slot > 0).all(axis=2)[~on_the_edge], inside[~on_the_edge])


def test_the_square_keeps_the_person_in_its_middle_and_does_not_zoom_at_once():
    square = Square()
    sides = []
    for number, width in enumerate([80] * 10 + [180] * 20):
        _, image = picture(300, 400, number * SECOND // 10)
        crop = square.around(image, (200 - width / 2, 100, 200 + width / 2, 200))
        assert (crop.left + crop.side / 2, crop.top + crop.side / 2) == pytest.approx((200, 150))
        sides.append(crop.side)
    assert sides[9] == MARGIN * 100
    assert sides[10] < MARGIN * 120
    assert sides[-1] == pytest.approx(MARGIN * 180, rel=0.02)
    assert np.diff(sides).min() >= 0


def test_a_person_without_extent_has_a_square():
    _, image = picture(300, 400)
    crop = Square().around(image, (50, 50, 50, 50))
    slot = np.zeros((8, 8, 3), np.uint8)
    crop.write(slot, LINEAR)
    assert (crop.stamp, crop.frame_id, crop.size) == (0, "camera", (300, 400))
    assert slot.any()

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har_ros.frames.letterbox import write_letterboxed
from har_ros.frames.pixels import CameraImage
from har_ros.frames.spec import Resize


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 4), st.integers(1, 4), st.integers(0, 255))
def test_an_image_keeps_its_proportions_and_the_rest_is_border(height, width, rows, columns, border):
    pixels = np.random.default_rng(height).integers(1, 256, (height, width, 3), np.uint8)
    slot = np.full((8 * rows, 8 * columns, 3), 7, np.uint8)
    scale = write_letterboxed(CameraImage.of_array(pixels, 1, "rgb8"), Resize("linear"), slot, border)
    assert scale == max(height / (8 * rows), width / (8 * columns))
    used = max(1, round(height / scale)), max(1, round(width / scale))
    expected = np.full_like(slot, border)
    expected[: used[0], : used[1]] = cv2.resize(pixels, used[::-1])
    np.testing.assert_array_equal(slot, expected)

"""Cutting clips to the person nearest to the camera, with the real pose network."""

import cv2
import numpy as np
import pytest
from clips import write_video
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from har_ros.backends.backend import BackendSettings
from har_ros.frames.skeletons import SkeletonFrame
from har_ros.learning.nearest import NearestPerson, surroundings
from har_ros.recordings.source import open_source

HEIGHT, WIDTH = 480, 1280


@pytest.fixture
def nearest(movenet):
    nearest = NearestPerson(movenet, 512, BackendSettings())
    yield nearest
    nearest.close()


def pixels_of(path):
    return [frame.pixels for frame in open_source(str(path))]


def test_the_larger_of_two_people_is_cut_out(nearest, shared_data, tmp_path):
    near = [cv2.resize(image, (640, HEIGHT)) for image in pixels_of(shared_data / "falls" / "s1_adl_10.mp4")[30:36]]
    frames = np.zeros((len(near), HEIGHT, WIDTH, 3), np.uint8)
    for frame, image in zip(frames, near, strict=True):
        frame[:, :640] = image
        frame[:360, 720:1200] = cv2.resize(image, (480, 360))
    path = write_video(tmp_path / "two.mp4", frames, rate=10.0)
    assert nearest.cut(path)
    cut = pixels_of(path)
    assert len(cut) == len(near)
    height, width = cut[0].shape[:2]
    assert width < 640
    match = cv2.matchTemplate(frames[0], cut[0], cv2.TM_SQDIFF_NORMED)
    _, _, (left, top), _ = cv2.minMaxLoc(match)
    assert match.min() < 0.02
    assert (left + width, top + height) <= (640, HEIGHT)


def test_a_clip_that_shows_nobody_is_left_as_it_is(nearest, tmp_path):
    path = write_video(tmp_path / "nobody.mp4", np.full((5, 96, 128, 3), 90, np.uint8), rate=10.0)
    before = path.read_bytes()
    assert not nearest.cut(path)
    assert path.read_bytes() == before


@given(
    arrays(np.float32, (3, 17, 3), elements=st.floats(-50, 250, width=32)),
    st.integers(2, 200),
    st.integers(2, 200),
)
def test_what_surrounds_a_person_is_a_part_of_the_image_with_even_sides(joints, height, width):
    left, top, right, bottom = surroundings([SkeletonFrame(one, (height, width), 0) for one in joints])
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left) % 2 == (bottom - top) % 2 == 0

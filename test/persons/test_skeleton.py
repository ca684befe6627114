"""COCO's skeleton as OpenPose's, which ROS4HRI has."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from har_ros.frames.skeletons import NAMES
from har_ros.persons.skeleton import box_in_image, openpose

DEFINITION = Path(__file__).parents[2] / "dev" / "hri_msgs" / "msg" / "Skeleton2D.msg"
SIZE = (480, 640)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


def person():
    """Joints of different positions and confidences, all in the image."""
    numbers = np.arange(17)
    return np.stack([20 + 35 * numbers, 460 - 25 * numbers, 0.1 + numbers / 20], axis=1).astype(np.float32)


def test_every_joint_is_where_the_message_has_it():
    places = {name.lower(): int(place) for name, place in re.findall(r"(\w+) = (\d+)", DEFINITION.read_text())}
    assert sorted(places.values()) == list(range(18))
    keypoints = person()
    joints = openpose(keypoints, SIZE)
    assert (joints.shape, joints.dtype) == ((18, 3), np.float32)
    del places["neck"]
    assert sorted(places) == sorted(NAMES)
    for name, place in places.items():
        x, y, confidence = keypoints[NAMES.index(name)]
        assert joints[place] == pytest.approx([x / 640, y / 480, confidence]), name


def test_the_neck_is_the_middle_of_the_shoulders_and_as_certain_as_the_less_certain():
    keypoints = person()
    keypoints[NAMES.index("left_shoulder")] = 100, 50, 0.9
    keypoints[NAMES.index("right_shoulder")] = 60, 70, 0.4
    assert openpose(keypoints, SIZE)[1] == pytest.approx([80 / 640, 60 / 480, 0.4])


def test_what_lies_beyond_the_image_is_at_its_edge():
    keypoints = person()
    keypoints[NAMES.index("nose"), :2] = -3, 500
    assert openpose(keypoints, SIZE)[0, :2].tolist() == [0, 1]
    assert box_in_image((-5.0, 120.0, 320.0, 600.0), SIZE) == (0, 0.25, 0.5, 1)


@given(arrays.arrays(np.float32, (17, 3), elements=FINITE), st.tuples(FINITE, FINITE, FINITE, FINITE))
def test_shares_of_the_image_are_from_0_to_1(keypoints, box):
    for shares in (openpose(keypoints, SIZE), np.array(box_in_image(box, SIZE))):
        assert ((shares >= 0) & (shares <= 1)).all()

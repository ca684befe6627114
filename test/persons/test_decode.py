"""Outputs of pose networks that are made for people who are known beforehand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.graphs.movenet import HEADS
from har_ros.persons.decode import LEAST, MOST, movenet, rtmo, yolo_pose

CELLS = 24
SIZE = 4 * CELLS


def heads(*people):
    """MoveNet's heads for people: the cell of the middle (x, y), its score, the cells of the joints, their heat."""
    made = {name: np.zeros((channels, CELLS, CELLS), np.float32) for name, channels in HEADS.items()}
    for (x, y), score, joints, heat in people:
        made["center_0"][0, y, x] = score
        made["box_scale_0"][:, y, x] = 12, 10  # height, width
        made["box_offset_0"][:, y, x] = 0.5
        for joint, (joint_x, joint_y) in enumerate(joints):
            made["kpt_heatmap_0"][joint, joint_y, joint_x] = heat
            made["kpt_regress_0"][2 * joint : 2 * joint + 2, y, x] = joint_y - y, joint_x - x
            made["kpt_offset_0"][2 * joint : 2 * joint + 2, joint_y, joint_x] = 0.25, 0.75
    return np.concatenate(list(made.values())).reshape(-1)


def joints_around(x, y):
    return [(x - 4 + i % 8, y - 5 + i // 2) for i in range(17)]


def test_people_are_where_the_heads_have_them():
    """Joints, boxes and scores by hand: four pixels a cell, the offset within it, and where the box ends."""
    first, second = joints_around(6, 7), joints_around(17, 15)
    poses = movenet(heads(((6, 7), 0.5, first, 0.8), ((17, 15), 0.9, second, 0.5)), SIZE, SIZE)
    assert poses.scores.tolist() == pytest.approx([0.9 * 0.5, 0.5 * 0.8])
    for found, joints, heat in zip(poses.keypoints, (second, first), (0.5, 0.8), strict=True):
        expected = [(4 * (x + 0.75), 4 * (y + 0.25), heat) for x, y in joints]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(poses.boxes, [[50, 38, 90, 86], [6, 6, 46, 54]])


def test_a_joint_is_found_where_it_is_expected_although_another_person_s_is_hotter():
    near, far = joints_around(8, 10), joints_around(12, 10)
    poses = movenet(heads(((8, 10), 0.9, near, 0.5), ((12, 10), 0.8, far, 0.9)), SIZE, SIZE)
    assert abs(poses.keypoints[0, :, 0].mean() - poses.keypoints[1, :, 0].mean()) == pytest.approx(16, abs=6)


def test_joints_without_heat_do_not_count_in_the_score():
    joints = joints_around(10, 10)
    output = heads(((10, 10), 0.8, joints, 0.6)).reshape(90, CELLS, CELLS)
    output[5:15] = 0.05  # ten joints are hardly seen
    poses = movenet(output.reshape(-1), SIZE, SIZE)
    assert poses.scores[0] == pytest.approx(0.8 * 0.6)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1))
def test_any_heads_give_people_within_the_image(seed, strength):
    """Joints may lie outside the image by what the network says; boxes may not. There is never more than MOST."""
    random = np.random.default_rng(seed)
    output = random.normal(scale=strength, size=(90, 16, 24)).astype(np.float32)
    output[:1] = np.clip(output[:1], 0, 1)
    output[5:22] = np.clip(output[5:22], 0, 1)
    poses = movenet(output.reshape(-1), 64, 96)
    assert len(poses) <= MOST
    assert np.isfinite(poses.keypoints).all()
    assert (poses.scores >= LEAST).all()
    assert (np.diff(poses.scores) <= 0).all()
    assert (poses.boxes >= 0).all()
    assert (poses.boxes <= [96, 64, 96, 64]).all()


def yolo(*people, candidates=100):
    """The output of a YOLO-pose network: each person is its box's middle and size, score, and joints."""
    output = np.zeros((56, candidates), np.float32)
    for i, (box, score, joints) in enumerate(people):
        output[:, 7 * i + 3] = [*box, score, *np.ravel(joints)]
    return output.reshape(-1)


def test_yolo_keeps_the_best_of_boxes_that_overlap():
    joints = np.arange(51, dtype=np.float32).reshape(17, 3) / 100
    people = [
        ((50, 60, 20, 40), 0.6, joints),
        ((51, 60, 20, 40), 0.9, joints + 0.1),
        ((150, 60, 30, 40), 0.5, joints + 0.2),
        ((250, 60, 30, 40), LEAST / 2, joints + 0.3),
    ]
    poses = yolo_pose(yolo(*people), 320, 320)
    np.testing.assert_allclose(poses.scores, [0.9, 0.5])
    np.testing.assert_allclose(poses.boxes, [[41, 40, 61, 80], [135, 40, 165, 80]])
    np.testing.assert_allclose(poses.keypoints, [joints + 0.1, joints + 0.2])


def test_rtmo_s_rows_are_people_best_first():
    rows = np.zeros((64, 56), np.float32)
    rows[0], rows[1] = np.arange(56) / 100 + 0.1, np.arange(56) / 100 + 0.2
    rows[:2, 4] = 0.5, 0.8
    poses = rtmo(rows.reshape(-1), 320, 320)
    np.testing.assert_allclose(poses.scores, [0.8, 0.5])
    np.testing.assert_allclose(poses.boxes, [[0.2, 0.21, 0.22, 0.23], [0.1, 0.11, 0.12, 0.13]], rtol=1e-6)
    np.testing.assert_allclose(poses.keypoints[0].ravel(), np.arange(25, 76) / 100, rtol=1e-6)


@pytest.mark.parametrize("decode", [movenet, yolo_pose, rtmo])
def test_nobody_is_nobody(decode):
    numbers = 90 * CELLS**2 if decode is movenet else 56 * 100
    poses = decode(np.zeros(numbers, np.float32), SIZE, SIZE)
    assert (len(poses), poses.keypoints.shape, poses.boxes.shape) == (0, (0, 17, 3), (0, 4))


@given(st.lists(st.floats(-(2.0**126), 2.0**126, width=32), min_size=56, max_size=56))
@pytest.mark.parametrize("decode", [yolo_pose, rtmo])
def test_whatever_a_network_says_people_are_near_the_image(decode, numbers):
    poses = decode(np.array(numbers, np.float32), 64, 96)
    for values in (poses.boxes, poses.keypoints[:, :, :2]):
        assert ((values >= -96) & (values <= 192)).all()

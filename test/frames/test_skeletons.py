"""Skeletons → the input of networks for skeletons, as their authors make it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.frames.sampling import SECOND
from har_ros.frames.skeletons import NAMES, SLOT, SkeletonFrame, arranged
from har_ros.frames.spec import Resize, SkeletonSpec
from har_ros.frames.window import FrameWindow

SIZE = 480, 640
RESIZE = Resize("linear")


def clip_of(keypoints, stamps=None, size=SIZE):
    """A window into which these skeletons (T×17×3) were pushed."""
    window = FrameWindow(len(keypoints), SLOT, dtype=np.float32)
    for number, one in enumerate(keypoints):
        stamp = round(number * SECOND / 10) if stamps is None else stamps[number]
        SkeletonFrame(np.asarray(one, np.float32), size, stamp).write(window.slot(), RESIZE)
        window.commit(stamp)
    return window.hold()


def walk(frames):
    """Joints that move by 2 and 1 pixels a frame."""
    start = np.random.default_rng(1).uniform(100, 300, (1, 17, 2))
    position = start + np.arange(frames)[:, None, None] * np.array([2.0, 1.0])
    return np.concatenate([position, np.full((frames, 17, 1), 0.9)], axis=2)


def test_the_six_classes_of_learnopencv():
    """Its video_analyzer.py appends x and y of each joint, in pixels and COCO's order, of the last 32 frames."""
    keypoints = walk(32)
    result = arranged(clip_of(keypoints), SkeletonSpec("NTD", normalisation="pixels"), None)
    features = [[[value for joint in frame for value in joint[:2]] for frame in keypoints]]
    assert result.shape == (1, 32, 34)
    np.testing.assert_allclose(result, features, rtol=1e-6)


def test_st_gcn_of_pyskl():
    """PreNormalize2D (its threshold is 0.01), confidence as third coordinate, FormatGCNInput(num_person=2)."""
    keypoints = walk(100)
    keypoints[20:30, 3] = [5, 5, 0.0]
    keypoints[50, 9, 2] = 0.005
    spec = SkeletonSpec("NMTVC", persons=2, confidence=True, missing="zero", least_confidence=0.01)
    result = arranged(clip_of(keypoints), spec, None)
    height, width = SIZE
    expected = keypoints.copy()
    expected[..., 0] = (keypoints[..., 0] - width / 2) / (width / 2)
    expected[..., 1] = (keypoints[..., 1] - height / 2) / (height / 2)
    expected[keypoints[..., 2] <= 0.01, :2] = 0
    assert result.shape == (1, 2, 100, 17, 3)
    np.testing.assert_allclose(result[0, 0], expected, atol=1e-6)
    assert not result[0, 1].any()
    other = arranged(clip_of(keypoints), SkeletonSpec(**{**vars(spec), "layout": "NCTVM"}), None)
    np.testing.assert_array_equal(other.transpose(0, 4, 2, 3, 1), result)


def test_a_slow_cameras_skeletons_are_interpolated_to_the_cards_rate():
    window = FrameWindow(31, SLOT, dtype=np.float32)
    for number, one in enumerate(walk(11)):  # 10 images/s take three places each of 30 skeletons/s
        SkeletonFrame(one.astype(np.float32), SIZE, number * SECOND // 10).write(window.slot(), RESIZE)
        window.commit(number * SECOND // 10, places=3 if number else 1)
    result = arranged(window.hold(), SkeletonSpec("NTVC", normalisation="pixels"), 30)
    np.testing.assert_allclose(np.diff(result[0], axis=0), np.broadcast_to([2 / 3, 1 / 3], (30, 17, 2)), atol=1e-3)


def test_stamps_count_and_not_the_number_of_images():
    stamps = np.array([0, 90, 210, 290, 400, 520, 600]) * (SECOND // 1000)
    position = 100 + stamps[:, None, None] / SECOND * np.ones((1, 17, 2)) * 50
    keypoints = np.concatenate([position, np.ones((7, 17, 1))], axis=2)
    result = arranged(clip_of(keypoints, stamps), SkeletonSpec("NTVC", normalisation="pixels"), 10)
    np.testing.assert_allclose(result[0, :, 0, 0], 100 + np.arange(7) * 5, atol=1e-3)


@pytest.mark.parametrize("lost", [(0, 0, 0), (np.nan, 5, 0.9), (5, 5, np.inf)])
def test_a_lost_joint_is_interpolated_or_zero(lost):
    keypoints = walk(9)
    whole = arranged(clip_of(keypoints), SkeletonSpec("NTVC"), 10)
    keypoints[3:6, 9] = lost
    filled = arranged(clip_of(keypoints), SkeletonSpec("NTVC"), 10)
    np.testing.assert_allclose(filled, whole, atol=1e-5)
    zeroed = arranged(clip_of(keypoints), SkeletonSpec("NTVC", missing="zero"), 10)
    assert not zeroed[0, 3:6, 9].any()
    np.testing.assert_allclose(np.delete(zeroed, 9, axis=2), np.delete(whole, 9, axis=2), atol=1e-5)


def test_a_joint_that_was_never_seen_is_zero_and_moves_nothing():
    keypoints = walk(5)
    without = keypoints.copy()
    without[:, 0] = [-9999, 9999, 0]
    spec = SkeletonSpec("NTVC", joints=("nose", "left_hip"), normalisation="trunk", confidence=True)
    whole, result = (arranged(clip_of(one), spec, None) for one in (keypoints, without))
    assert not result[0, :, 0].any()
    np.testing.assert_array_equal(result[0, :, 1], whole[0, :, 1])


def test_joints_by_name_and_their_middles():
    keypoints = walk(4)
    keypoints[:, NAMES.index("left_shoulder"), 2] = 0.4
    spec = SkeletonSpec("NCTV", joints=("neck", "right_ankle"), normalisation="pixels", confidence=True)
    result = arranged(clip_of(keypoints), spec, None)
    assert result.shape == (1, 3, 4, 2)
    np.testing.assert_allclose(result[0, :2, :, 0].T, keypoints[:, 5:7, :2].mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(result[0, 2], [[0.4, 0.9]] * 4, rtol=1e-6)
    np.testing.assert_allclose(result[0, :2, :, 1].T, keypoints[:, 16, :2], rtol=1e-6)


@pytest.mark.parametrize("normalisation", ["box", "trunk"])
@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize(("shift", "scale"), [((-500, 70), 0.2), ((0, 300), 5)])
def test_where_a_person_is_and_how_large_does_not_count(normalisation, moving, shift, scale):
    keypoints = walk(6)
    elsewhere = keypoints.copy()
    elsewhere[:, :, :2] = keypoints[:, :, :2] * scale + shift
    spec = SkeletonSpec("NTVC", normalisation=normalisation, moving=moving)
    np.testing.assert_allclose(
        arranged(clip_of(elsewhere), spec, None), arranged(clip_of(keypoints), spec, None), atol=2e-3
    )


def test_a_box_fills_the_range_and_a_person_moves_in_it_or_with_it():
    keypoints = walk(10)
    still = arranged(clip_of(keypoints), SkeletonSpec("NTVC", normalisation="box", range=(0, 1)), None)
    assert still.min() == pytest.approx(0, abs=1e-6)
    assert still.max() == pytest.approx(1, abs=1e-6)
    assert np.ptp(still[0, :, 0, 0]) > 0.05
    moving = arranged(clip_of(keypoints), SkeletonSpec("NTVC", normalisation="box", moving=True), None)
    np.testing.assert_allclose(moving[0], np.broadcast_to(moving[0, :1], moving[0].shape), atol=1e-5)


@given(
    data=st.data(),
    layout=st.sampled_from(["NTVC", "NTD", "NCTV", "NMTVC", "NCTVM"]),
    normalisation=st.sampled_from(["pixels", "image", "box", "trunk"]),
    missing=st.sampled_from(["interpolated", "zero"]),
    moving=st.booleans(),
    rate=st.sampled_from([None, 5, 30]),
)
def test_whatever_a_pose_network_gives_the_input_is_finite(data, layout, normalisation, missing, moving, rate):
    number = st.floats(-1e4, 1e4, width=32) | st.sampled_from([np.nan, np.inf, 0.0])
    joint = st.tuples(number, number, st.floats(0, 1, width=32) | st.just(0.0))
    values = data.draw(st.lists(joint, min_size=1, max_size=8))
    keypoints = np.array([[values[(f * 17 + j) % len(values)] for j in range(17)] for f in range(4)])
    spec = SkeletonSpec(layout, persons=2, normalisation=normalisation, missing=missing, moving=moving)
    assert np.isfinite(arranged(clip_of(keypoints), spec, rate)).all()

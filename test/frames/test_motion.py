import itertools
import pickle

import cv2
import numpy as np
import pytest

from har_ros.frames.motion import Motion

RATE, SIDE = 15, 224
SECOND = 1_000_000_000


def scene(seed=0):
    """A room with bright and dark things, 40 to 160 of 255."""
    dice = np.random.default_rng(seed)
    coarse = cv2.resize(dice.uniform(40, 160, (14, 14)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    fine = dice.uniform(-15, 15, (SIDE, SIDE)).astype(np.float32)
    return np.repeat((coarse + fine)[..., None], 3, axis=2)


ROOM = scene()
ROWS = np.arange(SIDE)[:, None, None] / SIDE


NOISES = itertools.cycle(np.random.default_rng(1).normal(0, 1, (31, *ROOM.shape)).astype(np.float32))


def noise(sigma):
    return sigma * next(NOISES)


def watched(pictures, motion=None, start=0):
    """Whether something moves in each picture."""
    motion = Motion() if motion is None else motion
    frames = (np.clip(picture, 0, 255).astype(np.uint8) for picture in pictures)
    return [motion.take(frame, (start + i) * SECOND // RATE) for i, frame in enumerate(frames)]


def seconds(duration, picture):
    """Pictures over time: `picture` is given the seconds."""
    return (picture(i / RATE) for i in range(duration * RATE))


UNMOVED = {
    "nothing": lambda t: ROOM,
    "noise": lambda t: ROOM + noise(3),
    "much noise": lambda t: ROOM + noise(20),
    "lamps": lambda t: ROOM * (1 + 0.15 * np.sin(2 * np.pi * 1.3 * t)) + noise(2),
    "lamps, rolling shutter": lambda t: ROOM * (1 + 0.15 * np.sin(2 * np.pi * (1.3 * t + 1.6 * ROWS))) + noise(2),
    "exposure": lambda t: ROOM * (0.6, 1.0, 1.4)[int(t) % 3] + noise(2),
    "exposure and black level": lambda t: ROOM * 0.8 + (0, 15)[int(t) % 2] + noise(2),
    "nightfall": lambda t: ROOM * (1 - t / 8) + noise(2),
}


@pytest.mark.parametrize("name", UNMOVED)
def test_light_and_noise_are_no_movement(name):
    moving = watched(seconds(6, UNMOVED[name]))
    assert not any(moving[RATE:])


@pytest.mark.parametrize("sigma", [0, 3, 10])
@pytest.mark.parametrize("at", [(100, 30), (61, 187), (200, 100)])
def test_a_block_of_four_percent_of_the_width_moves_within_one_frame(sigma, at):
    motion = Motion()
    before = watched(seconds(4, lambda t: ROOM + noise(sigma)), motion)
    assert not any(before[RATE:])
    side, (top, left) = round(0.04 * SIDE), at
    pictures = []
    for i in range(10):
        picture = ROOM + noise(sigma)
        picture[top : top + side, left + 3 * i : left + 3 * i + side] += 80
        pictures.append(picture)
    assert all(watched(pictures, motion, start=4 * RATE))


def test_a_slow_movement_is_seen_again_and_again():
    """A light thing of 16 pixels goes up and down by 2 in 4 seconds, as a chest does, for half a minute."""

    def breathing(t):
        picture, top = ROOM + noise(2), 100 + 2 * np.sin(2 * np.pi * t / 4)
        shift = np.float32([[1, 0, 80], [0, 1, top]])
        chest = cv2.warpAffine(np.ones((16, 40), np.float32), shift, (SIDE, SIDE))[..., None]
        return picture * (1 - chest) + 220 * chest

    moving = watched(seconds(30, breathing))
    pauses = [len(list(run)) for seen, run in itertools.groupby(moving[RATE:]) if not seen]
    assert max(pauses, default=0) < 3 * RATE


def test_what_came_to_stay_becomes_the_picture():
    motion, other = Motion(), ROOM.copy()
    other[80:140, 80:140] = 30
    watched(seconds(2, lambda t: ROOM + noise(2)), motion)
    moving = watched(seconds(60, lambda t: other + noise(2)), motion, start=2 * RATE)
    assert all(moving[: 10 * RATE])
    assert not any(moving[50 * RATE :])


def test_a_camera_that_moves_is_never_still():
    moving = watched(seconds(6, lambda t: np.roll(ROOM, round(20 * t), axis=1) + noise(2)))
    assert all(moving[2:])


def test_a_frame_in_which_something_moves_can_be_left_out():
    """Then all is as if it had not come."""
    motions = Motion(), Motion()
    moved = np.roll(ROOM, 40, axis=1).astype(np.uint8)
    for count in range(3 * RATE):
        frame, stamp = np.clip(ROOM + noise(2), 0, 255).astype(np.uint8), count * SECOND // RATE
        still = [motion.take(frame, stamp, only_still=count > RATE) for motion in motions]
        if count > RATE:
            assert still == [False, False]
            assert motions[0].take(moved, stamp + 1, only_still=True)
    assert [motion.take(moved, 3 * SECOND) for motion in motions] == [True, True]
    assert pickle.dumps(motions[0]) == pickle.dumps(motions[1])


def test_small_pictures_and_changes_of_size_are_taken():
    motion = Motion()
    tiny = np.zeros((4, 4, 3), np.uint8)
    assert [motion.take(tiny, 0), motion.take(tiny, SECOND), motion.take(ROOM.astype(np.uint8), 2 * SECOND)] == [
        True,
        False,
        True,
    ]

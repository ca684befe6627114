import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.frames.window import FrameSteps, FrameWindow


def push(window, number):
    window.slot()[:] = number
    window.commit(number * 10, f"camera{number}")


def numbers(clip):
    return [int(frame[0, 0, 0]) for frame in clip.frames]


@given(
    length=st.integers(1, 7),
    spare=st.one_of(st.none(), st.integers(0, 9)),
    steps=st.lists(st.sampled_from(["push", "push", "push", "broken", "hold", "release", "reset"]), max_size=80),
)
def test_window_holds_the_newest_frames_in_order_whatever_happens(length, spare, steps):
    window, expected = FrameWindow(length, (2, 3, 3), spare), []
    held, held_numbers, number = None, [], 0
    for step in steps:
        if step == "push":
            number += 1
            push(window, number)
            expected.append(number)
        elif step == "broken":
            window.slot()[:] = 255
        elif step == "reset":
            window.reset()
            expected = []
        elif step == "release":
            window.release()
            held = None
        elif step == "hold" and held is None and window.full:
            held = window.hold()
            held_numbers = expected[-length:]
        assert window.full == (len(expected) >= length)
        assert window.fill == min(len(expected), length)
        if held is not None:
            assert numbers(held) == held_numbers
        elif window.full:
            clip = window.hold()
            window.release()
            assert numbers(clip) == expected[-length:]
            assert (clip.start, clip.end) == (expected[-length] * 10, expected[-1] * 10)
            assert clip.frame_id == f"camera{expected[-1]}"


def lent(window, pushed):
    """Push so many frames, and take each window at once. Returns the number of the newest frame in each."""
    found = []
    for number in range(1, pushed + 1):
        push(window, number)
        if window.ready:
            found.append(number)
            window.hold()
            window.release()
    return found


@pytest.mark.parametrize(
    ("length", "stride", "expected"),
    [
        (1, 0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (1, 7, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (4, 0, [4, 5, 6, 7, 8, 9, 10]),
        (4, 1, [4, 5, 6, 7, 8, 9, 10]),
        (4, 2, [4, 6, 8, 10]),
        (4, 3, [4, 7, 10]),
        (4, 4, [4, 8]),
        (4, 9, [4, 8]),  # no frame is left out
        (10, 1, [10]),
        (11, 1, []),
    ],
)
def test_a_window_is_ready_when_enough_of_its_frames_are_new(length, stride, expected):
    window = FrameWindow(length, (2, 3, 3))
    window.stride = stride
    assert lent(window, 10) == expected
    assert window.dropped == 0


@given(strides=st.integers(1, 4), stride=st.integers(1, 5), pushed=st.integers(0, 60))
def test_windows_that_nobody_took_are_counted(strides, stride, pushed):
    """They are those that somebody gets who takes each at once, but for the last, which still waits."""
    window, taken = (FrameWindow(strides * stride, (2, 3, 3)) for _ in range(2))
    window.stride = taken.stride = stride
    for number in range(pushed):
        push(window, number)
    assert window.dropped == max(0, len(lent(taken, pushed)) - 1)


def test_window_is_a_contiguous_view_of_the_ring_at_every_position():
    window = FrameWindow(5, (4, 4, 3))
    for number in range(40):
        slot = window.slot()
        push(window, number)
        if window.full:
            clip = window.hold()
            assert clip.frames.flags.c_contiguous
            assert clip.frames.base is slot.base
            window.release()


def test_held_window_costs_no_copy_within_the_spare_frames():
    window = FrameWindow(4, (2, 2, 3), spare=3)
    for number in range(4):
        push(window, number)
    clip = window.hold()
    for number in range(4, 7):
        push(window, number)
    assert window.slot().base is not clip.frames.base  # the fourth newer frame is one too many
    assert numbers(clip) == [0, 1, 2, 3]


def test_every_pixel_of_a_frame_reaches_the_window():
    frame = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    window = FrameWindow(2, (3, 5, 3))
    for _ in range(7):
        window.slot()[:] = frame
        window.commit(0)
        if window.full:
            np.testing.assert_array_equal(window.hold().frames, [frame, frame])
            window.release()


@given(
    step=st.integers(1, 4),
    room=st.integers(1, 3),
    turns=st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["lend", "lend and keep", "reset"])), max_size=60),
)
def test_steps_lend_each_frame_once_and_lose_the_oldest(step, room, turns):
    """A number pushes a frame that takes so many places, all of which hold it or the one before."""
    steps, waiting, held = FrameSteps(step, room, (2, 2, 3)), [], None
    lost = number = places = 0
    for turn in turns:
        if isinstance(turn, int):
            before = sum(place < turn - place for place in range(1, turn)) if steps.fill else 0  # are nearer to that
            waiting += [number] * before + [number + 1] * (turn - before)
            number, places = number + 1, places + turn
            steps.slot()[:] = number
            steps.commit(number * 10, f"camera{number}", turn)
            while len(waiting) > step * room:
                waiting, lost = waiting[step:], lost + 1
        elif turn == "reset":
            waiting, lost = [], lost + len(waiting) // step
            steps.reset()
        elif steps.ready:
            steps.release()
            clip = steps.hold()
            count = len(waiting) // step * step
            expected, waiting = waiting[:count], waiting[count:]
            assert numbers(clip) == expected
            assert list(clip.stamps) == [10 * one for one in expected]
            assert clip.frame_id == f"camera{expected[-1]}"
            assert clip.number == places - len(waiting)
            held = (clip, expected) if turn == "lend and keep" else None
        assert steps.ready == (len(waiting) >= step)
        assert steps.dropped == lost
        if held:
            assert numbers(held[0]) == held[1]

import numpy as np
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


@given(length=st.integers(1, 7), stride=st.integers(0, 9), pushed=st.integers(0, 40))
def test_a_window_is_ready_when_enough_of_its_frames_are_new(length, stride, pushed):
    window, lent = FrameWindow(length, (2, 3, 3)), []
    window.stride = stride
    for number in range(1, pushed + 1):
        push(window, number)
        if window.ready:
            lent.append(number)
            window.hold()
            window.release()
    assert lent == list(range(length, pushed + 1, min(max(1, stride), length)))
    assert window.dropped == 0


@given(strides=st.integers(1, 4), stride=st.integers(1, 5), pushed=st.integers(0, 60))
def test_windows_that_nobody_took_are_counted(strides, stride, pushed):
    window = FrameWindow(strides * stride, (2, 3, 3))
    window.stride = stride
    for number in range(pushed):
        push(window, number)
    assert window.dropped == max(0, pushed - window.length) // stride


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
            before = (turn - 1) // 2 if steps.fill else 0
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

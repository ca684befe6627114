from collections import Counter
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from har_ros.scheduler import Scheduler

CAMERAS = ["a", "b", "c", "d"]


@given(st.lists(st.sampled_from([*CAMERAS, "next"]), max_size=60))
def test_no_camera_is_served_twice_while_another_waits(steps):
    scheduler, waiting = Scheduler(), []
    for step in steps:
        if step != "next":
            scheduler.offer(step)
            waiting += [step] if step not in waiting else []
        elif waiting:
            assert scheduler.next() == [waiting.pop(0)]


@given(st.lists(st.sampled_from([*CAMERAS, 1, 2, 3]), max_size=60))
def test_windows_that_are_ready_go_together(steps):
    scheduler, waiting = Scheduler(), []
    for step in steps:
        if isinstance(step, str):
            scheduler.offer(step)
            waiting += [step] if step not in waiting else []
        elif waiting:
            assert scheduler.next(step) == waiting[:step]
            del waiting[:step]


@given(st.lists(st.integers(1, 30), min_size=4, max_size=4))
def test_a_fast_camera_does_not_starve_a_slow_one(periods):
    """Cameras are ready every so many ticks, the network serves one a tick: nobody waits longer than one round."""
    scheduler, waits, served = Scheduler(), {}, Counter()
    for tick in range(200):
        for camera, period in zip(CAMERAS, periods, strict=True):
            if tick % period == 0:
                scheduler.offer(camera)
                waits.setdefault(camera, tick)
        if waits:
            [camera] = scheduler.next()
            assert tick - waits.pop(camera) < len(CAMERAS)
            served[camera] += 1
    assert set(served) == set(CAMERAS)


def test_close_ends_the_waiting():
    scheduler, results = Scheduler(), []
    thread = Thread(target=lambda: results.append(scheduler.next()))
    thread.start()
    scheduler.close()
    thread.join(timeout=10)
    assert results == [[]]

from collections import Counter
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st
from waiting import WAIT

from har_ros.pipeline.scheduler import IDLE_SHARE, Scheduler, turn

CAMERAS = ["a", "b", "c", "d"]


@given(st.permutations(CAMERAS), st.dictionaries(st.sampled_from(CAMERAS), st.integers(0, 9)), st.integers(1, 5))
def test_whose_turn_was_longest_ago_comes_first(ready, history, limit):
    chosen = turn(dict.fromkeys(ready, False), history, limit)
    ranks = [(history.get(camera, -1), ready.index(camera)) for camera in ready]
    assert [(history.get(camera, -1), ready.index(camera)) for camera in chosen] == sorted(ranks)[:limit]


@given(st.lists(st.sampled_from([*CAMERAS, 1, 2, 3]), max_size=80))
def test_nobody_waits_longer_than_one_turn_of_each_other_camera(steps):
    """Cameras become ready, the network takes up to three at once, in any order."""
    scheduler, waiting = Scheduler(), {}
    for step in steps:
        if isinstance(step, str):
            scheduler.offer(step)
            waiting.setdefault(step, [])
        elif waiting:
            chosen = scheduler.next(step)
            assert len(chosen) == min(step, len(waiting))
            for camera in chosen:
                del waiting[camera]
            for camera, served in waiting.items():
                served += chosen
                assert len(served) == len(set(served)), f"{camera} waited while another had two turns"


def test_a_camera_that_was_removed_is_forgotten():
    scheduler = Scheduler()
    for camera in ("b", "a"):
        scheduler.offer(camera)
        assert scheduler.next() == [camera]
    scheduler.offer("a")
    scheduler.remove("a")
    scheduler.offer("b")
    scheduler.offer("a")
    assert [scheduler.next(), scheduler.next()] == [["a"], ["b"]]  # never served, as far as one knows


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


def test_idle_cameras_share_one_window_of_many_while_others_are_ready():
    scheduler, served = Scheduler(), Counter()
    for _ in range(10 * IDLE_SHARE):
        for camera in CAMERAS:
            scheduler.offer(camera, idle=camera in "cd")
        served.update(scheduler.next())
    assert (served["c"], served["d"]) == (5, 5)
    assert abs(served["a"] - served["b"]) <= 1


def test_an_idle_camera_has_no_more_than_one_that_is_not_however_many_there_are():
    scheduler, served, busy = Scheduler(), Counter(), [str(i) for i in range(3 * IDLE_SHARE)]
    for _ in range(20 * len(busy)):
        for camera in (*busy, "idle"):
            scheduler.offer(camera, idle=camera == "idle")
        served.update(scheduler.next())
    assert 0 < served["idle"] <= min(served[camera] for camera in busy)


def test_idle_cameras_have_their_turns_while_no_other_is_ready():
    scheduler = Scheduler()
    for camera in ("c", "d"):
        scheduler.offer(camera, idle=True)
    assert scheduler.next(limit=4) == ["c", "d"]
    for camera in ("c", "a", "d"):
        scheduler.offer(camera, idle=camera != "a")
    assert [scheduler.next(limit=4), scheduler.next(limit=4)] == [["a"], ["c", "d"]]


def test_a_camera_that_is_no_longer_idle_comes_first():
    scheduler = Scheduler()
    for camera in ("a", "c"):
        scheduler.offer(camera)
        scheduler.next()
    scheduler.offer("a")
    scheduler.next()
    scheduler.offer("c", idle=True)
    scheduler.offer("a")
    scheduler.offer("c")
    assert scheduler.next() == ["c"]
    scheduler.offer("c")
    scheduler.offer("c", idle=True)  # it was ready with a window that shows movement
    scheduler.offer("b", idle=True)
    assert [scheduler.next(), scheduler.next(), scheduler.next()] == [["a"], ["c"], ["b"]]


def test_close_ends_the_waiting():
    scheduler, results = Scheduler(), []
    thread = Thread(target=lambda: results.append(scheduler.next()))
    thread.start()
    scheduler.close()
    thread.join(timeout=WAIT)
    assert results == [[]]

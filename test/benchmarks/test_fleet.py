"""The simulation of robots and a server, where it is known what it has to give."""

import pytest

pytest.importorskip("simpy", reason="simpy is not installed; run: pip install simpy")
pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from fleet import Fleet, simulate

from har_ros.backends.triton.backend import RETRY

BASE = Fleet(robots=1, cameras=1, gpus=1, service=0.02, rate=10.0, size=1e6)


def fleet(**others):
    return Fleet(**{**vars(BASE), **others})


def test_a_server_with_room_answers_every_window_after_its_way_and_service():
    found = simulate(fleet(encoding=0.01, link=20e6, server_link=100e6), 100.0)
    assert found.answers == pytest.approx(10, rel=0.01)
    assert found.ages == pytest.approx([0.01 + 1 / 20 + 1 / 100 + 0.02] * len(found.ages))
    assert found.busy == pytest.approx(100 * 10 * 0.02, rel=0.01)


@pytest.mark.parametrize("gpus", [1, 3])
def test_a_busy_server_answers_as_fast_as_its_gpus_are(gpus):
    found = simulate(fleet(robots=10, cameras=4, gpus=gpus, in_flight=4), 100.0)
    assert found.answers == pytest.approx(gpus / 0.02, rel=0.02)
    assert found.late == 0


@pytest.mark.parametrize(("link", "server_link"), [(2e6, 1e9), (1e9, 8e6)])
def test_a_slow_link_lets_as_many_windows_through_as_it_has_bytes_for(link, server_link):
    found = simulate(fleet(robots=4, cameras=5, link=link, server_link=server_link), 100.0)
    assert found.answers == pytest.approx(8, rel=0.05)


def test_all_cameras_and_robots_get_the_same_share_and_none_more_windows_than_it_has():
    found = simulate(fleet(robots=20, cameras=10, gpus=1000, service=0.0, in_flight=10, new=8), 80.0)
    assert found.answers == pytest.approx(20 * 10 * 10 / 8, rel=0.02)


def test_one_request_at_a_time_takes_turns_with_its_service():
    """Closed loop: the next window is sent when the last one is answered (1 / (way + service))."""
    found = simulate(fleet(cameras=50, in_flight=1, rate=100.0, link=50e6), 100.0)
    assert found.answers == pytest.approx(1 / (1 / 50 + 0.02), rel=0.01)


def test_a_window_that_is_answered_late_is_given_up_and_the_robot_waits_a_moment():
    found = simulate(fleet(service=3.0, rate=100.0, in_flight=1), 100.0)
    assert found.answers == 0
    assert found.late == pytest.approx(100 / (3 + RETRY), abs=1)

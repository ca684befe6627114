"""When a part of the benchmark is repeated, and how long it is said to take."""

import time
from itertools import count, cycle

import pytest
from rich.console import Console

from figures import once
from part import Bench, Part
from progress import PartsProgress, duration


@pytest.fixture
def bench(tmp_path):
    return Bench(2.0, 0.5, tmp_path)


def repeating(values):
    closed = []

    def measure(bench):
        """Say a value. And more."""
        try:
            for value in values:
                yield [once("a", float(value)), once("b", 1.0)]
        finally:
            closed.append(True)

    return measure, closed


def test_a_part_is_repeated_until_all_spreads_are_narrow(bench):
    measure, closed = repeating(cycle([100, 101]))
    steady, _ = Part(measure, fixed=60, repeated=True).run(bench)
    assert len(steady.values) == 6  # fewer have no spread
    assert closed
    measure, _ = repeating([100, 200, *[150] * 100])
    unsteady, other = Part(measure, fixed=60, repeated=True).run(bench)
    assert 6 < len(unsteady.values) == len(other.values) < 102


def test_a_part_that_stays_unsteady_ends_after_its_time(bench, monkeypatch):
    measure, _ = repeating(2**n for n in count())
    seconds = count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))
    found, _ = Part(measure, fixed=20, repeated=True).run(bench)
    assert len(found.values) == 21


def test_other_parts_yield_all_that_they_have_as_often_as_asked(bench):
    measure, _ = repeating([1, 2, 3])
    found, _ = Part(measure, fixed=60).run(bench, times=2)
    assert found.values == (1, 2, 3, 1, 2, 3)


def test_each_of_several_times_is_repeated_until_its_own_spreads_are_narrow(bench):
    measure, _ = repeating(cycle([100, 101]))
    found, _ = Part(measure, fixed=60, repeated=True).run(bench, times=2)
    assert len(found.values) == 12


def test_a_part_says_what_it_is_and_how_long_it_takes(bench):
    part = Part(repeating([])[0], fixed=3, seconds=2, minutes=1)
    assert part.summary == "Say a value"
    assert part.expected(bench) == 3 + 2 * 2 + 30


def test_the_time_left_goes_down_by_parts_though_they_take_longer_or_shorter(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = PartsProgress(Console(quiet=True), {"short": 0.0, "long": 100.0, "last": 50.0})
    assert progress.left == 150
    progress.begin("short")
    now = 9.0
    assert progress.left == 150
    progress.begin("long")
    now = 10.0
    assert progress.left == 149
    progress.begin("last")
    now = 70.0
    assert progress.left == 0
    progress.end()
    assert progress.left == 0


def test_durations_are_told_in_what_suits_them():
    assert [duration(seconds) for seconds in (0, 89, 90, 1080)] == ["0 s", "89 s", "2 min", "18 min"]

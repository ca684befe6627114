import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.frames.arrivals import PERIOD, SILENCE, Arrivals, Shortfall

INTERVALS = st.lists(st.floats(0.001, 1.5), min_size=1, max_size=200)


def moments(intervals):
    at = 0.0
    for interval in intervals:
        at += interval
        yield at


@given(intervals=INTERVALS, first=st.integers(1, 1 << 40))
def test_a_camera_of_any_rate_that_loses_nothing_is_never_reported(intervals, first):
    arrivals = Arrivals()
    for i, at in enumerate(moments(intervals)):
        arrivals.arrive(at, first + i)
        assert arrivals.shortfall(at) is None
    assert arrivals.lost == 0


@given(
    rate=st.sampled_from([5, 15, 25, 30, 100]),
    part=st.floats(0, 1),
    random=st.randoms(use_true_random=False),
    numbered=st.booleans(),
)
def test_the_rates_are_those_of_a_steady_camera(rate, part, random, numbered):
    """Images are lost at random; the middleware says so when the next one arrives, or the numbers do."""
    arrivals, pending, arrived = Arrivals(), 0, []
    sent = 12 * rate
    for i in range(sent):
        if random.random() < part:
            pending += 1
            continue
        if pending and not numbered:
            arrivals.lose(i / rate, pending)
        pending = 0
        arrivals.arrive(i / rate, i + 1 if numbered else None)
        arrived.append(i / rate)
    now = sent / rate
    found = arrivals.shortfall(now)
    if found is not None:
        assert abs(found.sent - rate) <= 1.5 * rate / PERIOD + 1e-6
        recent = [at for at in arrived if at > arrived[-1] - PERIOD]
        assert len(recent) < 0.97 * PERIOD * rate
    elif arrived and arrived[0] <= now - PERIOD and now - arrived[-1] < SILENCE:  # before, nothing is known of losses
        recent = [at for at in arrived if at > arrived[-1] - PERIOD]
        assert len(recent) >= 0.8 * PERIOD * rate


def test_two_of_twenty_five_images_a_second():
    arrivals = Arrivals()
    for second in range(10):
        arrivals.arrive(second, 1 + 25 * second)
        arrivals.arrive(second + 0.48, 13 + 25 * second)
    found = arrivals.shortfall(10.0)
    assert (round(found.arrived), round(found.sent)) == (2, 25)
    assert arrivals.lost == 238 - 20


def test_losses_while_nothing_arrives():
    arrivals = Arrivals()
    for i in range(60):
        arrivals.lose(i / 10, 1)
    assert arrivals.shortfall(6.0) == Shortfall(0.0, 10.0)
    assert arrivals.shortfall(6.0 + SILENCE) is None


def test_a_reader_that_was_stopped_counts_over_the_time_that_it_was():
    arrivals = Arrivals()
    for i in range(60):
        arrivals.arrive(i / 10, 1 + i)
    arrivals.arrive(16.0, 161)
    found = arrivals.shortfall(16.0)
    assert (round(found.sent, 1), found.arrived < 1.0) == (10.0, True)


@given(
    pattern=st.lists(st.sampled_from([0, 1]), min_size=40, max_size=200), start=st.tuples(*[st.integers(1, 9999)] * 2)
)
def test_several_publishers_of_one_topic_are_not_taken_for_losses(pattern, start):
    """As soon as each was heard twice; before that nobody knows that they are two."""
    arrivals, numbers, heard = Arrivals(), list(start), []
    for i, who in enumerate(pattern):
        arrivals.arrive(i / 30, numbers[who])
        numbers[who] += 1
        heard.append(who)
    turns = sum(a != b for a, b in pairwise(heard))
    if turns >= 2:
        assert arrivals.shortfall(len(pattern) / 30) is None


def test_a_publisher_that_restarts_has_lost_nothing_and_is_watched_again():
    arrivals = Arrivals()
    for i in range(300):
        arrivals.arrive(i / 30, 1000 + i)
    for i in range(300):
        arrivals.arrive(10 + i / 30, 1 + i)
        assert arrivals.shortfall(10 + i / 30) is None
    for i in range(100):
        arrivals.arrive(20 + i / 10, 300 + 3 * i)
    assert arrivals.shortfall(30.0) is not None


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Shortfall(8.61, 9.4), "8.6 of 9.4 images/s arrive"),
        (Shortfall(0.0, 25.0), "0.0 of 25.0 images/s arrive"),
    ],
)
def test_the_two_rates_differ_in_words(found, text):
    assert str(found) == text


def test_what_is_let_go_on_purpose_is_not_lost():
    arrivals = Arrivals()
    for i in range(100):
        arrivals.arrive(i / 5, 3 * i)
        arrivals.forget()
    assert arrivals.lost == 0
    arrivals.arrive(20.0, 300)
    arrivals.arrive(20.2, 303)
    assert arrivals.lost == 2


def test_memory_is_bounded():
    arrivals = Arrivals()
    for i in range(10_000):
        arrivals.arrive(i / 10, i)
    assert len(pickle.dumps(arrivals)) < 2000

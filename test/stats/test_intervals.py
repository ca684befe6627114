"""Intervals against scipy's: Student's, Wilson's, and the Poisson distribution."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, poisson, sem, t

from har_ros.stats.intervals import SAMPLES, Bootstrap, Figure, interval, rate


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9)), max_size=20))
def test_values_are_added_up_in_their_groups(pairs):
    groups, values = [group for group, _ in pairs], [[value, 1] for _, value in pairs]
    found = Bootstrap(5).tally(np.reshape(values, (-1, 2)), np.array(groups, int))
    for group in range(5):
        assert found[group].tolist() == [sum(v for g, v in pairs if g == group), groups.count(group)]


def test_as_many_groups_are_drawn_as_there_are_and_the_first_row_is_all_of_them():
    weights = Bootstrap(7).weights
    assert weights.shape == (1 + SAMPLES, 7)
    assert weights[0].tolist() == [1] * 7
    assert set(weights.sum(axis=1)) == {7}
    np.testing.assert_allclose(weights[1:].mean(axis=0), 1, atol=0.15)
    assert (weights == Bootstrap(7).weights).all()


def test_the_interval_of_a_mean_is_students():
    values = np.random.default_rng(3).normal(5, size=60)
    found = interval(Bootstrap(60).weights @ values / 60, 60, share=False)
    low, high = t.interval(0.95, 59, values.mean(), sem(values))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == (pytest.approx(low, abs=0.03), pytest.approx(high, abs=0.03))


def test_the_interval_of_a_share_of_many_independent_cases_is_wilsons():
    right = np.arange(400) < 380
    found = interval(Bootstrap(400).weights @ right / 400, 400)
    theirs = binomtest(380, 400).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(theirs.low, abs=0.005), pytest.approx(theirs.high, abs=0.005))


def test_three_groups_that_are_all_right_leave_room():
    """Wilson's of three cases, with Student's t in place of the normal quantile."""
    found = interval(np.ones(1 + SAMPLES), 3)
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(3 / (3 + t.ppf(0.975, 2) ** 2))
    assert interval(np.zeros(1 + SAMPLES), 3) == Figure(0, 0, pytest.approx(1 - found.low))


@pytest.mark.parametrize("groups", [3, 5, 16])
def test_an_interval_over_few_groups_holds_what_it_says(groups):
    """Of groups whose shares follow a beta distribution around 0.8, about 95 of 100 intervals hold 0.8."""
    rng, weights, held = np.random.default_rng(groups), Bootstrap(groups).weights, 0
    for _ in range(300):
        sizes = rng.poisson(12, groups) + 1
        right = rng.binomial(sizes, rng.beta(0.8 * 4, 0.2 * 4, groups))
        found = interval((weights @ right) / (weights @ sizes), groups)
        held += found.low <= 0.8 <= found.high
    assert held >= binom.ppf(0.01, 300, 0.93)


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=2, max_size=20), st.integers(2, 20))
def test_an_interval_holds_its_own_value_and_no_impossible_one(value, samples, groups):
    found = interval(np.array([value, *samples]), groups)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("groups", [0, 1])
def test_a_single_group_has_no_interval(groups):
    weights = Bootstrap(groups).weights
    assert weights.shape == (1, groups)
    found = interval(weights.sum(axis=1), groups)
    assert found.value == groups
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.filterwarnings("error")
def test_samples_that_are_no_numbers_do_not_count():
    assert interval(np.array([0.5, np.nan, 0.4, 0.6]), 4) == interval(np.array([0.5, 0.4, 0.6]), 4)
    assert math.isnan(interval(np.array([0.5, np.nan]), 4).low)


@given(events=st.integers(0, 500), hours=st.floats(1e-3, 1e4))
def test_the_interval_of_a_rate_holds_what_it_says(events, hours):
    """At its ends, so few or so many events have a chance of 2.5 %."""
    found = rate(events, hours)
    assert poisson.cdf(events, found.high * hours) == pytest.approx(0.025)
    assert poisson.sf(events - 1, found.low * hours) == (pytest.approx(0.025) if events else 1)
    assert found.low <= found.value < found.high

"""Intervals against scipy's: its bootstrap, and the Poisson distribution."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, poisson

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


def test_an_interval_is_that_of_scipys_bootstrap():
    values = np.random.default_rng(3).normal(size=60)
    found = interval(Bootstrap(60).weights @ values / 60)
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(theirs.low, abs=0.03)
    assert found.high == pytest.approx(theirs.high, abs=0.03)


@pytest.mark.parametrize("groups", [0, 1])
def test_a_single_group_has_no_interval(groups):
    weights = Bootstrap(groups).weights
    assert weights.shape == (1, groups)
    found = interval(weights.sum(axis=1))
    assert found.value == groups
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.filterwarnings("error")
def test_samples_that_are_no_numbers_do_not_count():
    assert interval(np.array([2.0, np.nan, 1.0, 1.0])) == Figure(2, 1, 1)
    assert math.isnan(interval(np.array([2.0, np.nan])).low)


@given(events=st.integers(0, 500), hours=st.floats(1e-3, 1e4))
def test_the_interval_of_a_rate_holds_what_it_says(events, hours):
    """At its ends, so few or so many events have a chance of 2.5 %."""
    found = rate(events, hours)
    assert poisson.cdf(events, found.high * hours) == pytest.approx(0.025)
    assert poisson.sf(events - 1, found.low * hours) == (pytest.approx(0.025) if events else 1)
    assert found.low <= found.value < found.high

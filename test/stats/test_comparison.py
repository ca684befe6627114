import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, permutation_test, ttest_1samp

from har_ros.stats.comparison import holm, mean_interval, sign_flip_p


@given(st.lists(st.integers(-20, 20).map(float), min_size=2, max_size=9))
def test_the_sign_flip_test_is_scipys(differences):
    values = np.array(differences)
    theirs = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(values) == pytest.approx(theirs.pvalue)


def test_the_sign_flip_test_of_many_pairs_is_close_to_scipys():
    values = np.random.default_rng(0).normal(0.1, 0.5, 80)
    theirs = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=20000, rng=1)
    assert sign_flip_p(values) == pytest.approx(theirs.pvalue, abs=0.01)


def test_many_pairs_take_little_memory():
    """By the central limit theorem the p-value is that of a normal deviate, within what 10,000 samples tell."""
    values = np.random.default_rng(0).normal(0.02, 0.5, 5000)
    tracemalloc.start()
    p = sign_flip_p(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = 2 * norm.sf(abs(values.sum()) / np.sqrt((values**2).sum()))
    assert p == pytest.approx(expected, abs=5 * np.sqrt(expected / 10_000))
    assert peak < 50e6


def test_without_a_difference_nothing_is_significant():
    assert sign_flip_p(np.zeros(3)) == 1
    assert sign_flip_p(np.zeros(0)) == 1


def test_holms_method_as_in_its_definition():
    """The k-th smallest of n counts n+1-k times, and none less than one before it."""
    assert holm([0.04, 0.01, 0.03, 0.5]) == pytest.approx([0.09, 0.04, 0.09, 0.5])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize("count", [2, 3, 60])
def test_the_interval_of_a_mean_is_scipys_of_students_t(count):
    values = np.random.default_rng(3).normal(size=count)
    theirs = ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((theirs.low, theirs.high))
    assert np.isnan(mean_interval(values[:1])).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_differences_that_are_all_equal_have_no_interval(value):
    assert np.isnan(mean_interval(np.full(3, value))).all()
    assert np.isfinite(mean_interval(np.array([value, value, value + 0.1]))).all()

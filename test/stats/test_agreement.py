import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from har_ros.stats.agreement import Named, agreement, kappa, shared_time

CLASSES = 3
SECONDS = st.lists(st.integers(0, CLASSES), min_size=1, max_size=12)


def named(labels, at=0):
    """A class for each second; CLASSES: none. Always something at both ends, so that all seconds count."""
    return [Named(label, at + i, at + i + 1) for i, label in enumerate(labels) if label < CLASSES]


@given(SECONDS, SECONDS)
def test_they_are_those_of_seconds_as_samples(one, other):
    length = min(len(one), len(other))
    one, other = [0, *one[:length], 0], [1, *other[:length], 1]
    time = shared_time(named(one), named(other), CLASSES)
    assert time.sum() == length + 2
    assert agreement(time) == pytest.approx(np.mean(np.array(one) == other))
    assert kappa(time) == pytest.approx(cohen_kappa_score(one, other))


def test_only_the_time_of_both_counts():
    time = shared_time([Named(0, 0, 10)], [Named(0, 4, 6), Named(1, 6, 7), Named(0, 8, 20)], 2)
    assert time.tolist() == [[2 + 2, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert agreement(time) == pytest.approx(4 / 6)
    assert kappa(np.stack([time, time])).shape == (2,)


@pytest.mark.parametrize("other", [[], [Named(0, 20, 30)]])
def test_without_common_time_there_is_no_agreement(other):
    time = shared_time([Named(0, 0, 10)], other, 1)
    assert time.sum() == 0
    assert np.isnan(agreement(time))
    assert np.isnan(kappa(time))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from har_ros.stats import metrics

COUNT = st.integers(1, 5)


def numbers(draw, n, low, high):
    return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)), np.int64)


@st.composite
def single(draw):
    """True class (C: none) and predicted class (OTHER, NOTHING) of windows with at most one label."""
    count, n = draw(COUNT), draw(st.integers(0, 30))
    true, predicted = numbers(draw, n, 0, count), numbers(draw, n, -2, count - 1)
    return count, true, predicted, true[:, None] == np.arange(count)


@given(single())
def test_confusion_is_scikit_learns(data):
    count, true, predicted, truth = data
    columns = np.where(predicted < 0, predicted + count + 2, predicted)  # other: C, nothing: C + 1
    ours = metrics.confusion(truth, predicted)
    assert ours.shape == (count + 1, count + 2)
    assert ours.sum() == len(true)
    if len(true):
        theirs = confusion_matrix(true, columns, labels=range(count + 2))
        np.testing.assert_array_equal(ours, theirs[: count + 1])


@given(single())
def test_precision_recall_and_f1_are_scikit_learns(data):
    count, true, predicted, truth = data
    matrix = metrics.confusion(truth, predicted)
    right, said, there = np.diagonal(matrix)[:count], matrix[:, :count].sum(axis=0), matrix[:count].sum(axis=1)
    ours = metrics.precision_recall_f1(right, said, there)
    if not len(true):
        assert not np.any(ours)
        return
    theirs = precision_recall_fscore_support(true, predicted, labels=range(count), zero_division=0)
    np.testing.assert_allclose(ours, theirs[:3])
    labels = sorted(set(true[true < count]))
    for values, index in zip(ours, range(3), strict=True):
        mean = metrics.macro(values, there)
        if labels:
            macro = precision_recall_fscore_support(true, predicted, labels=labels, average="macro", zero_division=0)
            assert mean == pytest.approx(macro[index])
        else:
            assert np.isnan(mean)


def test_several_labels_share_a_window():
    truth = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], bool)
    matrix = metrics.confusion(truth, np.array([1, 2, metrics.NOTHING]))
    expected = np.zeros((4, 5))
    expected[1, 1] = 1  # one of its labels is enough
    expected[0, 2] = expected[1, 2] = 0.5  # wrong for both
    expected[3, 4] = 1  # nothing happened, nothing was said
    np.testing.assert_array_equal(matrix, expected)


@st.composite
def scored(draw):
    n = draw(st.integers(1, 40))
    scores = np.array(draw(st.lists(st.integers(0, 30), min_size=n, max_size=n))) / 30
    weights = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), float)
    return np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))), scores, weights


@given(scored())
def test_average_precision_is_scikit_learns(data):
    relevant, scores, weights = data
    for weighted in (np.ones(len(weights)), weights):
        ours = metrics.average_precision(relevant, scores, weighted)
        if (weighted * relevant).sum():
            assert ours == pytest.approx(average_precision_score(relevant, scores, sample_weight=weighted))
        else:
            assert np.isnan(ours)


def test_average_precision_of_no_windows_is_none():
    assert np.isnan(metrics.average_precision(np.zeros(0, bool), np.zeros(0), np.zeros(0)))


@given(scored())
def test_the_precision_recall_curve_is_scikit_learns(data):
    relevant, scores, _ = data
    precision, recall = metrics.precision_recall_curve(relevant, scores, np.ones(len(scores)))
    if relevant.any():
        theirs = precision_recall_curve(relevant, scores)
        np.testing.assert_allclose(precision, theirs[0][:-1][::-1])
        np.testing.assert_allclose(recall, theirs[1][:-1][::-1])


@given(st.integers(3, 8), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_top_k_is_scikit_learns(count, n, seed):
    rng = np.random.default_rng(seed)
    scores, true = rng.random((n, count)), rng.integers(0, count, n)
    ranked = np.argsort(-scores, axis=1)[:, : min(5, count)]
    truth = true[:, None] == np.arange(count)
    for k in range(1, ranked.shape[1] + 1):
        ours = metrics.hits(truth, ranked, k).mean()
        if k < count:
            assert ours == pytest.approx(top_k_accuracy_score(true, scores, k=k, labels=range(count)))
        else:
            assert ours == 1


@given(scored())
def test_the_calibration_error_is_that_of_scikit_learns_bins(data):
    right, confidence, _ = data
    share, mean = calibration_curve(right, confidence, n_bins=metrics.BINS)
    inner = np.linspace(0, 1, metrics.BINS + 1)[1:-1]
    _, count = np.unique(np.searchsorted(inner, confidence), return_counts=True)
    expected = np.abs(share - mean) @ count / len(right)
    assert metrics.calibration_error(confidence, right) == pytest.approx(expected)


def test_the_calibration_error_of_nothing_is_none():
    assert np.isnan(metrics.calibration_error(np.zeros(0), np.zeros(0, bool)))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_the_weighted_median_is_that_of_repeated_values(values, seed):
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(values)))
    for row, ours in zip(weights, metrics.weighted_median(np.array(values), weights.astype(float)), strict=True):
        repeated = np.repeat(values, row)
        if len(repeated):
            assert ours == np.percentile(repeated, 50, method="inverted_cdf")
        else:
            assert np.isnan(ours)


def test_windows_in_a_row_that_say_the_same_are_one_alarm():
    said = np.array([0, 0, 1, 1, -1, 1, 1, 1, -2, 0])
    background = np.array([1, 1, 1, 1, 1, 1, 0, 1, 1, 1], bool)
    begins = np.arange(10) == 0
    alarms = metrics.alarms(said, background, begins)
    assert np.flatnonzero(alarms).tolist() == [0, 2, 5, 7, 9]
    begins[1] = True  # another camera's first
    assert np.flatnonzero(metrics.alarms(said, background, begins)).tolist() == [0, 1, 2, 5, 7, 9]

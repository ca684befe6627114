import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from har_ros.errors import ModelError
from har_ros.scores import predict, unique_labels

LABELS = [f"class {i}" for i in range(12)]
PROBABILITIES = npst.arrays(np.float32, 12, elements=st.floats(0, 1, width=32))


@given(PROBABILITIES, st.integers(1, 15), st.floats(0, 1))
def test_prediction_has_the_best_classes_in_order(probabilities, top_k, threshold):
    prediction = predict(probabilities, LABELS, top_k, threshold)
    expected = sorted(zip(LABELS, probabilities, strict=True), key=lambda pair: -pair[1])[:top_k]
    assert [(h.label, h.score) for h in prediction.hypotheses] == expected
    assert [h.label for h in prediction.accepted] == [label for label, score in expected if float(score) >= threshold]


def test_a_score_that_equals_the_threshold_counts():
    assert [h.label for h in predict(np.array([0.5, 0.3, 0.2]), LABELS, 3, 0.3).accepted] == ["class 0", "class 1"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_are_reported(value):
    with pytest.raises(ModelError, match="not finite"):
        predict(np.array([0, value], np.float32), LABELS, 1, 0.0)


@given(st.lists(st.sampled_from(["run", "walk", "run (2)", "run (3)", ""]), max_size=12))
def test_labels_become_unique_and_single_ones_stay(labels):
    unique = unique_labels(labels)
    assert len(set(unique)) == len(labels) == len(unique)
    for label, name in zip(labels, unique, strict=True):
        assert name.startswith(label)
        if labels.count(label) == 1:
            assert name == label


def test_repeated_labels_are_numbered():
    assert unique_labels(["run", "walk", "run", "run"]) == ("run", "walk", "run (2)", "run (3)")

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.window import Clip
from har_ros.models.labels import unique_labels
from har_ros.pipeline.scores import Scores, ScoreSettings, check_allowed

LABELS = tuple(f"class {i}" for i in range(12))
SECOND = 1_000_000_000
PROBABILITIES = npst.arrays(np.float32, 12, elements=st.floats(0, 1, width=32))


def clip(seconds=0.0, restarts=0):
    return Clip(np.zeros((1, 1, 1, 3), np.uint8), (round(seconds * SECOND),), restarts=restarts)


def predict(probabilities, labels, top_k, threshold):
    return Scores(labels).predict(probabilities, clip(), ScoreSettings(top_k, threshold))


@given(PROBABILITIES, st.integers(1, 15), st.floats(0, 1))
def test_prediction_has_the_best_classes_in_order(probabilities, top_k, threshold):
    prediction = predict(probabilities, LABELS, top_k, threshold)
    expected = sorted(zip(LABELS, probabilities, strict=True), key=lambda pair: -pair[1])[:top_k]
    assert [(h.label, h.score) for h in prediction.hypotheses] == expected
    assert [h.label for h in prediction.accepted] == [label for label, score in expected if float(score) >= threshold]


@given(PROBABILITIES, st.sampled_from([(), ("class 3", "class 8")]), st.sampled_from([0.0, 1.0]))
def test_the_evidence_is_that_of_all_allowed_classes(probabilities, allowed, smoothing):
    """Also of those beyond top_k, smoothed as the hypotheses are, and untouched by later windows."""
    scores, settings = Scores(LABELS), ScoreSettings(top_k=1, smoothing=smoothing, allowed_labels=allowed)
    predictions = [scores.predict(p, clip(at), settings) for at, p in enumerate([probabilities, np.zeros(12)])]
    shown = [not allowed or label in allowed for label in LABELS]
    for prediction, past in zip(predictions, (1, np.exp(-1) if smoothing else 0), strict=True):
        np.testing.assert_allclose(prediction.evidence, probabilities * shown * past, rtol=1e-6)
        assert prediction.hypotheses[0].score == prediction.evidence.max()


def test_a_score_that_equals_the_threshold_counts():
    assert [h.label for h in predict(np.array([0.5, 0.3, 0.2]), LABELS[:3], 3, 0.3).accepted] == ["class 0", "class 1"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_are_reported(value):
    with pytest.raises(ModelError, match="not finite"):
        predict(np.array([0, value], np.float32), LABELS[:2], 1, 0.0)


def leaders(windows, settings):
    """windows: (seconds, probabilities of a, b, c[, restarts])."""
    scores = Scores(("a", "b", "c"))
    found = [scores.predict(np.array(p), clip(t, *restarts), settings) for t, p, *restarts in windows]
    return [[(h.label, round(h.score, 6)) for h in prediction.accepted] for prediction in found]


def test_smoothing_weighs_the_past_by_its_age():
    """After one time constant e^-1 of the past is left; after ln 2 of them half."""
    windows = [(0, [1, 0, 0]), (np.log(2) * 3, [0, 1, 0]), (np.log(2) * 3 + 3, [0, 0, 1])]
    past = np.exp(-1)
    first, second, third = leaders(windows, ScoreSettings(threshold=0.0, smoothing=3.0))
    assert dict(first) == {"a": 1, "b": 0, "c": 0}
    assert dict(second) == pytest.approx({"a": 0.5, "b": 0.5, "c": 0}, abs=1e-6)
    assert dict(third) == pytest.approx({"a": past / 2, "b": past / 2, "c": 1 - past}, abs=1e-5)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 2)), min_size=1, max_size=20), st.floats(0.01, 10))
def test_smoothed_scores_stay_probabilities(steps, time_constant):
    scores, now = Scores(("a", "b", "c")), 0.0
    for step, winner in steps:
        now += step
        prediction = scores.predict(np.eye(3)[winner], clip(now), ScoreSettings(smoothing=time_constant))
        assert sum(h.score for h in prediction.hypotheses) == pytest.approx(1)


def test_a_clock_that_stands_still_keeps_the_average():
    assert leaders([(5, [1, 0, 0]), (5, [0, 1, 0])], ScoreSettings(smoothing=1.0))[1] == [("a", 1.0)]


def test_a_leader_stays_until_another_exceeds_it_by_the_hysteresis():
    windows = [(0, [0.5, 0.4, 0.1]), (1, [0.4, 0.5, 0.1]), (2, [0.3, 0.6, 0.1]), (3, [0.4, 0.5, 0.1])]
    found = leaders(windows, ScoreSettings(hysteresis=0.25))
    assert [window[0][0] for window in found] == ["a", "a", "b", "b"]
    assert found[1] == [("a", 0.4), ("b", 0.5), ("c", 0.1)]
    assert [window[0][0] for window in leaders(windows, ScoreSettings())] == ["a", "b", "b", "b"]


def test_a_leader_below_the_threshold_or_of_an_earlier_window_leads_no_longer():
    settings = ScoreSettings(threshold=0.35, hysteresis=0.9)
    windows = [(0, [0.5, 0.4, 0.1]), (1, [0.3, 0.6, 0.1]), (2, [0.6, 0.4, 0.0]), (3, [0.6, 0.4, 0.0], 1)]
    assert [window[0][0] for window in leaders(windows, settings)] == ["a", "b", "b", "a"]


def test_a_leader_is_in_the_message_though_others_are_better():
    windows = [(0, [0.4, 0.3, 0.3]), (1, [0.3, 0.4, 0.3])]
    assert leaders(windows, ScoreSettings(top_k=1, hysteresis=0.5)) == [[("a", 0.4)], [("a", 0.3)]]


def test_only_allowed_labels_are_ranked():
    settings = ScoreSettings(threshold=0.0, allowed_labels=("c", "a"))
    assert leaders([(0, [0.2, 0.7, 0.1])], settings) == [[("a", 0.2), ("c", 0.1)]]


def test_a_leader_that_is_not_allowed_any_more_leads_no_longer():
    scores = Scores(("a", "b"))
    scores.predict(np.array([0.6, 0.4]), clip(0), ScoreSettings(hysteresis=0.9))
    found = scores.predict(np.array([0.6, 0.4]), clip(1), ScoreSettings(hysteresis=0.9, allowed_labels=("b",)))
    assert [h.label for h in found.hypotheses] == ["b"]


def test_an_answer_that_is_not_finite_leaves_the_average_as_it_was():
    scores, settings = Scores(("a", "b")), ScoreSettings(threshold=0.0, smoothing=1e9)
    scores.predict(np.array([0.75, 0.25]), clip(0), settings)
    with pytest.raises(ModelError):
        scores.predict(np.array([np.nan, 0.25]), clip(1), settings)
    assert scores.predict(np.array([0.0, 1.0]), clip(2), settings).hypotheses[0].score == pytest.approx(0.75)


def test_a_label_that_the_network_lacks_is_refused_with_similar_ones():
    with pytest.raises(ConfigurationError, match=r"allowed label 'swim' is no .* one that is \(similar: 'swimming'\)"):
        check_allowed(["swim"], ["swimming", "running"])
    check_allowed(["running"], ["swimming", "running"])


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


def test_a_hundred_thousand_equal_labels_take_no_time():
    """It took minutes: each looked for a free number from 2 on."""
    assert unique_labels(["run"] * 100_000)[-1] == "run (100000)"

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from random_samples import balanced, made
from scipy.special import softmax
from sklearn.metrics import f1_score, log_loss

from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.advice import doubt
from har_ros.learning.curves import learning_curve, source_curve


def test_figures_are_scikit_learns():
    samples = balanced(4, 5, 2, windows=2)
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), len(samples.examples))
    figures = validation.figures(samples, probabilities)
    said = probabilities.argmax(axis=1)
    assert figures["accuracy"]["value"] == pytest.approx(np.mean(said == samples.classes))
    assert figures["macro_f1"]["value"] == pytest.approx(f1_score(samples.classes, said, average="macro"))
    for number, row in enumerate(figures["classes"]):
        assert row["f1"]["value"] == pytest.approx(f1_score(samples.classes == number, said == number))
        assert row["clips"] == 10
        assert row["windows"] == 20
    confusion = np.array(figures["confusion"])
    assert confusion.sum() == 40
    assert confusion[1, 2] == np.sum((samples.classes == 1) & (said == 2))


def test_a_class_without_examples_has_no_figures():
    samples = replace(balanced(2, 4, 2), labels=("class 0", "class 1", "none"))
    said = samples.classes.copy()
    said[0] = 2  # is rejected
    figures = validation.figures(samples, np.eye(3)[said])
    assert np.isnan([figures["classes"][2][name]["value"] for name in ("precision", "recall", "f1")]).all()
    assert figures["classes"][0]["recall"]["value"] == 7 / 8
    expected = f1_score(samples.classes, said, labels=[0, 1], average="macro")
    assert figures["macro_f1"]["value"] == pytest.approx(expected)


def test_intervals_are_of_groups():
    """With 50 clips to a group that are right or wrong together, the interval is as wide as of the groups alone."""
    classes = np.tile([0, 1], 400)
    groups = np.repeat(np.arange(16), 50)
    right = np.repeat([True, False] * 8, 50)
    samples = made(classes, groups)
    probabilities = np.eye(2)[np.where(right, classes, 1 - classes)]
    accuracy = validation.figures(samples, probabilities)["accuracy"]
    deviation = 0.5 / 16**0.5  # the binomial's
    assert accuracy["high"] - accuracy["low"] == pytest.approx(2 * 1.96 * deviation, rel=0.2)


def test_false_alarms_are_counted_by_the_hour_of_background():
    """Two of four clips of half an hour each; the limits of two events are in tables of the Poisson distribution."""
    given = made([0, 0, 1, 1, 1, 1], list("abcdef"))
    half = 1800 * 10**9
    examples = tuple(replace(one, start=0, end=half) for one in given.examples)
    samples = replace(given, labels=("falling", "none"), examples=examples)
    said = np.eye(2)[[0, 1, 0, 0, 1, 1]]
    found = validation.figures(samples, said)["false_alarms_per_hour"]
    assert found == {
        "value": 1.0,
        "low": pytest.approx(0.2422 / 2, abs=1e-4),
        "high": pytest.approx(7.2247 / 2, abs=1e-4),
    }
    assert validation.figures(given, said)["false_alarms_per_hour"] is None


def test_more_clips_help_and_the_curve_tells():
    samples = balanced(3, 10, 6, seed=2)
    checked = validation.validate(samples)
    curve = learning_curve(samples, checked)
    assert [row["clips_per_class"] for row in curve] == [5, 10, 20, 50, 54]
    whole = validation.figures(samples, checked.raw)["accuracy"]["value"]
    assert curve[-1]["accuracy"]["value"] == pytest.approx(whole)
    assert curve[0]["accuracy"]["value"] < whole
    assert curve[-1]["groups_per_class"] == 9  # of ten, one is held out
    missed = comb(54 - 6, 5) / comb(54, 5)  # how often five clips have none of a group's six
    assert curve[0]["groups_per_class"] == pytest.approx(9 * (1 - missed), abs=0.25)


def test_more_sources_help_and_the_curve_counts_them():
    """Each source has a look of its own, which its clips share."""
    rng = np.random.default_rng(4)
    pairs = [(label, source) for label in range(2) for source in range(12) for _ in range(6)]
    classes, sources = np.array(pairs).T
    looks = rng.normal(size=(12, 16)) * 3
    centres = np.zeros((2, 16))
    centres[1, :3] = 2
    rows = centres[classes] + looks[sources] + rng.normal(size=(len(pairs), 16)) * 0.3
    samples = made(classes, sources, rows)
    checked = validation.validate(samples)
    curve = source_curve(samples, checked)
    assert [(row["groups_per_class"], row["clips_per_class"]) for row in curve[:3]] == [(2, 12), (4, 24), (8, 48)]
    assert curve[-1]["groups_per_class"] == pytest.approx(12 * 9 / 10, abs=0.3)
    values = [row["accuracy"]["value"] for row in curve]
    assert values[0] < values[-1] - 0.05
    assert values[-1] == validation.figures(samples, checked.raw)["accuracy"]["value"]
    assert all(row["accuracy"]["low"] <= row["accuracy"]["value"] <= row["accuracy"]["high"] for row in curve)


def test_what_is_scarce_has_most_to_gain():
    rng = np.random.default_rng(3)
    counts = {0: 40, 1: 40, 2: 6}
    classes = np.concatenate([[label] * count for label, count in counts.items()])
    groups = np.concatenate([np.arange(count) % 6 for count in counts.values()])
    centres = np.array([[3.0] + [0] * 11, [-3.0] + [0] * 11, [0, 1.5] + [0] * 10])
    samples = made(classes, groups, centres[classes] + rng.normal(size=(len(classes), 12)))
    rows = validation.gains(samples, validation.validate(samples))
    assert rows[0]["label"] == "class 2"
    assert rows[0]["cost_of_half"] > 0


def test_calibration_is_judged_on_folds_that_the_temperature_has_not_seen():
    samples = balanced(3, 6, 3)
    checked = validation.validate(samples)
    for (train, test), choice in zip(checked.folds, checked.choices, strict=True):
        assert choice == heads.choose(samples, train)
        cooled = checked.logits[np.isin(samples.example, test)] / choice.temperature
        np.testing.assert_allclose(checked.probabilities[test], softmax(cooled, axis=1))
        np.testing.assert_allclose(checked.calibrated[test], softmax(cooled, axis=1))
    assert np.isfinite(checked.logits).all()


def test_each_fold_is_named_once():
    said = []
    validation.validate(balanced(2, 5, 2), said.append)
    assert said == [f"cross-validation, fold {number} of 5" for number in range(1, 6)]


def test_nothing_is_chosen_with_what_it_is_tested_on(monkeypatch):
    samples = balanced(2, 5, 2)
    choose, seen = heads.choose, []
    monkeypatch.setattr(heads, "choose", lambda given, chosen: seen.append(chosen) or choose(given, chosen))
    checked = validation.validate(samples)
    assert len(seen) == len(checked.folds) == 5
    for chosen, (train, test) in zip(seen, checked.folds, strict=True):
        assert chosen.tolist() == train.tolist()
        assert not set(chosen) & set(test)


def test_scores_that_say_nothing_are_named():
    rng = np.random.default_rng(2)
    noise = made(np.arange(40) % 2, np.arange(40) // 4, rng.normal(size=(40, 12)))
    loss = validation.log_loss(noise, validation.validate(noise).probabilities)
    assert loss["guessing"] == pytest.approx(np.log(2))
    assert f"{loss['value']:.2f} ({loss['low']:.2f} … {loss['high']:.2f}), that of guessing 0.69" in doubt(loss)
    telling = balanced(3, 6, 3)
    probabilities = validation.validate(telling).probabilities
    loss = validation.log_loss(telling, probabilities)
    assert loss["value"] == pytest.approx(log_loss(telling.classes, probabilities))
    assert doubt(loss) == ""
    assert "0.80, that of guessing" in doubt({"value": 0.8, "low": np.nan, "high": np.nan, "guessing": 0.69})

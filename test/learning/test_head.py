from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.advice import doubt
from har_ros.learning.curves import learning_curve, source_curve
from har_ros.learning.samples import Example, Samples


def made(classes, groups, embeddings=None, windows=1, seed=0, width=12):
    """Return samples of examples with random embeddings, `width` numbers, that lie around a centre of their class."""
    rng = np.random.default_rng(seed)
    classes = np.asarray(classes)
    labels = tuple(f"class {i}" for i in range(classes.max() + 1))
    if embeddings is None:
        embeddings = rng.normal(size=(len(labels), width))[classes] * 1.2 + rng.normal(size=(len(classes), width))
    examples = tuple(
        Example(f"e{i}", Path(f"e{i}"), "", int(c), str(g), 0, 1)
        for i, (c, g) in enumerate(zip(classes, groups, strict=True))
    )
    owner = np.repeat(np.arange(len(classes)), windows)
    rows = np.asarray(embeddings, np.float32)[owner]
    rows = rows + rng.normal(scale=0.1, size=rows.shape).astype(np.float32)
    views = np.stack([rows, rows + rng.normal(scale=0.05, size=rows.shape)], axis=1).astype(np.float32)
    return Samples(labels, examples, owner, views, np.zeros((len(owner), 2, 16, 16), np.uint8))


def balanced(classes=3, groups=6, each=3, **options):
    return made(
        *zip(*[(c, g) for c in range(classes) for g in range(groups) for _ in range(each)], strict=True), **options
    )


def of_scikit_learn(samples, examples, strength):
    """Return scikit-learn's own pipeline, fitted to so many examples of one window and two views, closely."""
    rows = samples.embeddings[examples].reshape(-1, samples.embeddings.shape[-1]).astype(float)
    classes = samples.classes[examples]
    weight = np.repeat(len(classes) / len(samples.labels) / np.bincount(classes)[classes] / 2, 2)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=10_000, tol=1e-8))
    return pipeline.fit(
        rows, np.repeat(classes, 2), standardscaler__sample_weight=weight, logisticregression__sample_weight=weight
    )


@pytest.mark.parametrize("width", [12, 400])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_layer_says_what_scikit_learn_says(classes, width):
    """With more numbers than rows, too, of which only the rows' own space is looked at."""
    samples = balanced(classes, width=width)
    taught, strengths = np.arange(0, len(samples.examples), 2), (1e-3, 1e-1, 1.0)
    for strength, head in zip(strengths, heads.fits(samples, taught, strengths), strict=True):
        pipeline, rows = of_scikit_learn(samples, taught, strength), samples.embeddings[:, 0]
        np.testing.assert_allclose(softmax(head.logits(rows), axis=1), pipeline.predict_proba(rows), atol=2e-3)
    weights, bias = head.cooled(2).rounded()
    np.testing.assert_allclose(rows @ weights + bias, head.logits(rows) / 2, atol=1e-4)


def test_classes_examples_and_windows_weigh_the_same():
    """Twice the windows of an example, or twice the examples of a class, change nothing."""
    few = made([0] * 6 + [1] * 6, list("abcdef") * 2)
    head = heads.fits(few, np.arange(12), [0.1])[0]

    def repeated(numbers):
        return few.embeddings[numbers]

    doubled = np.repeat(np.arange(12), [3] * 2 + [1] * 10)
    more = Samples(few.labels, few.examples, doubled, repeated(doubled), few.looks[doubled])
    other = heads.fits(more, np.arange(12), [0.1])[0]
    np.testing.assert_allclose(head.weights, other.weights, atol=1e-4)

    twice = np.concatenate([np.arange(12), np.arange(6)])  # the first class has 12 examples now
    crowded = Samples(
        few.labels, tuple(few.examples[i] for i in twice), np.arange(18), repeated(twice), few.looks[twice]
    )
    other = heads.fits(crowded, np.arange(18), [0.1 * 12 / 18])[0]
    np.testing.assert_allclose(head.weights, other.weights, atol=1e-4)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=4, max_size=60), st.integers(2, 10))
def test_no_group_is_on_both_sides_and_every_class_is_taught(pairs, most):
    classes = np.unique([c for c, _ in pairs], return_inverse=True)[1]
    groups = np.array([str(g) for _, g in pairs])
    divided = heads.folds(classes, groups, most)
    fewest = min(len(set(groups[classes == c])) for c in set(classes.tolist()))
    assert bool(divided) or fewest < 2
    tested = np.concatenate([test for _, test in divided]) if divided else []
    assert sorted(tested) == (list(range(len(pairs))) if divided else [])
    for train, test in divided:
        assert not set(groups[train]) & set(groups[test])
        assert set(classes[train].tolist()) == set(classes.tolist())


def test_strength_and_temperature_come_from_the_same_held_out_scores():
    """scikit-learn's own, of each strength: the least log loss chooses, and the temperature is of these scores."""
    samples = balanced(3, 6, 2, seed=5)
    everything = np.arange(len(samples.examples))
    divided = heads.folds(samples.classes, samples.groups, heads.INNER_FOLDS)
    truth = np.concatenate([samples.classes[test] for _, test in divided])
    scores = {
        strength: np.concatenate(
            [
                of_scikit_learn(samples, train, strength).decision_function(samples.embeddings[test, 0])
                for train, test in divided
            ]
        )
        for strength in heads.STRENGTHS
    }
    losses = {strength: log_loss(truth, softmax(one, axis=1)) for strength, one in scores.items()}
    choice = heads.choose(samples, everything)
    assert choice.strength == min(losses, key=losses.get)

    def penalised(t):
        loss = log_loss(truth, softmax(scores[choice.strength] / t, axis=1))
        return len(truth) * loss + (np.log(t) / heads.SPREAD) ** 2 / 2

    grid = np.exp(np.linspace(-1, 1, 401))
    assert choice.temperature == pytest.approx(min(grid, key=penalised), rel=0.01)
    assert heads.choose(samples, np.array([0, 1, 6, 12])) == heads.Choice(heads.USUAL_STRENGTH, 1.0)


def test_a_few_clips_that_can_be_told_get_scores_that_say_so():
    """Eight clips of each class, of groups of their own: what was fitted with all is as certain as the folds were."""
    centre = np.zeros(1024)
    centre[:40] = 1.0
    unseen = np.random.default_rng(9).normal(size=(200, 1024)).astype(np.float32)
    truth = np.arange(200) % 2
    noise = np.random.default_rng(8).normal(size=(16, 1024))
    samples = made(np.arange(16) % 2, np.arange(16), noise + np.outer(np.arange(16) % 2, centre))
    everything = np.arange(16)
    choice = heads.choose(samples, everything)
    head = heads.fits(samples, everything, [choice.strength])[0].cooled(choice.temperature)
    scores = softmax(head.logits(unseen + np.outer(truth, centre).astype(np.float32)), axis=1)
    assert np.mean(scores.argmax(axis=1) == truth) > 0.7
    assert scores.max(axis=1).mean() == pytest.approx(np.mean(scores.argmax(axis=1) == truth), abs=0.12)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_a_factor(factor):
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(4000, 4))
    classes = np.array([rng.choice(4, p=p) for p in softmax(logits, axis=1)])
    weights = rng.uniform(0.5, 1.5, len(classes))
    found = heads.temperature(logits * factor, classes, weights)
    assert found == pytest.approx(factor, rel=0.08)
    grid = np.exp(np.linspace(np.log(found) - 0.5, np.log(found) + 0.5, 101))
    loss = [-(weights * log_softmax(logits * factor / t, axis=1)[np.arange(len(classes)), classes]).sum() for t in grid]
    assert grid[int(np.argmin(loss))] == pytest.approx(found, rel=0.011)


def test_a_few_clips_that_are_all_right_do_not_make_it_certain():
    logits, weights = np.array([[3.0, -3.0], [-3.0, 3.0]] * 3), np.ones(6)
    found = heads.temperature(logits, np.array([0, 1] * 3), weights)
    assert 0.4 < found < 1


def test_a_group_that_can_be_told_does_not_help():
    """Labels are random, but each group's clips are alike: only a split through groups would look good."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(10), 12)
    classes = np.repeat(rng.permutation([0, 1] * 5), 12)
    centres = rng.normal(size=(10, 12)) * 3
    samples = made(classes, groups, centres[groups], seed=1)
    checked = validation.validate(samples)
    accuracy = validation.figures(samples, checked.probabilities)["accuracy"]
    assert accuracy["value"] < 0.75
    assert accuracy["low"] < 0.5
    leaking = made(classes, np.arange(120), centres[groups], seed=1)
    assert validation.figures(leaking, validation.validate(leaking).probabilities)["accuracy"]["value"] > 0.95


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
    assert 1 < curve[0]["groups_per_class"] <= 5


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


def test_a_clips_probabilities_are_the_mean_of_its_windows():
    samples = balanced(2, 2, 1, windows=3)
    logits = np.random.default_rng(0).normal(size=(12, 2))
    expected = softmax(logits, axis=1).reshape(4, 3, 2).mean(axis=1)
    np.testing.assert_allclose(heads.by_example(samples, logits), expected)


def test_calibration_is_judged_on_folds_that_the_temperature_has_not_seen():
    samples = balanced(3, 6, 3)
    checked = validation.validate(samples)
    for (train, test), choice in zip(checked.folds, checked.choices, strict=True):
        assert choice == heads.choose(samples, train)
        cooled = checked.logits[np.isin(samples.example, test)] / choice.temperature
        np.testing.assert_allclose(checked.probabilities[test], softmax(cooled, axis=1))
    assert np.isfinite(checked.logits).all()


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

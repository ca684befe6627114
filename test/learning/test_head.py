import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_samples import balanced, made
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.samples import Samples


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


def test_a_clips_probabilities_are_the_mean_of_its_windows():
    samples = balanced(2, 2, 1, windows=3)
    logits = np.random.default_rng(0).normal(size=(12, 2))
    expected = softmax(logits, axis=1).reshape(4, 3, 2).mean(axis=1)
    np.testing.assert_allclose(heads.by_example(samples, logits), expected)

"""What is unlike all that was taught is none of the classes, in NumPy and in the network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from scipy.special import softmax
from sklearn.metrics import log_loss
from test_head import made

from har_ros.graphs.cut import EMBEDDING, LOGITS, taught_network
from har_ros.graphs.rejection import LOSS, NEVER, Rejection, before_rejection
from har_ros.learning import head as heads
from har_ros.learning import test_set
from har_ros.learning import validate as validation
from har_ros.learning.dataset import Dataset
from har_ros.learning.likeness import fit_rejection, limits_by_others


def two_actions(groups=20, each=5, seed=0):
    """Two actions, each around its own centre; the third label, none, has no clip."""
    pairs = [(c, g) for c in range(2) for g in range(groups) for _ in range(each)]
    samples = made(*zip(*pairs, strict=True), seed=seed, width=32)
    return replace(samples, labels=("clap", "wave", "none"))


def test_of_groups_that_were_held_out_so_many_windows_are_lost_as_was_said():
    samples = two_actions(60)
    groups = samples.groups.astype(int)
    taught, held_out = np.flatnonzero(groups < 40), np.flatnonzero(groups >= 40)
    rejection = fit_rejection(samples, taught)
    distance = rejection.distance(samples.embeddings[np.isin(samples.example, held_out), 0])
    assert np.mean(distance > rejection.limit) == pytest.approx(LOSS, abs=0.04)


def test_what_is_unlike_them_is_none_and_what_is_like_them_keeps_its_class():
    samples = two_actions()
    everything = np.arange(len(samples.examples))
    [head] = heads.fits(samples, everything, [0.1])
    open_head = replace(head, rejection=fit_rejection(samples, everything))
    seen = samples.embeddings[:, 0]
    assert np.mean(open_head.logits(seen).argmax(axis=1) == samples.classes) > 0.9
    elsewhere = np.random.default_rng(5).normal(size=(200, 32)).astype(np.float32) * 3
    assert set(head.logits(elsewhere).argmax(axis=1).tolist()) == {0, 1}  # as if it knew
    assert np.mean(open_head.logits(elsewhere).argmax(axis=1) == 2) > 0.9


@pytest.mark.parametrize("opset", [13, 18])
def test_the_network_says_the_same(opset):
    samples = two_actions()
    everything = np.arange(len(samples.examples))
    [head] = heads.fits(samples, everything, [0.1])
    head = replace(head.cooled(1.5), rejection=fit_rejection(samples, everything))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 32]) for name in ("x", EMBEDDING)]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], [EMBEDDING])], "g", values[:1], values[1:])
    base = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    content = taught_network(base, *head.rounded(), head.rejection)
    rows = np.concatenate([samples.embeddings[:50, 0], np.random.default_rng(0).normal(size=(50, 32)) * 3])
    rows = np.concatenate([rows, np.zeros((1, 32)), np.full((1, 32), 1e4)]).astype(np.float32)
    [said] = onnxruntime.InferenceSession(content).run([LOGITS], {"x": rows})
    np.testing.assert_allclose(said, head.logits(rows), rtol=1e-3, atol=1e-3)
    assert (said.argmax(axis=1) == 2).any()
    network, without = (onnx.load_from_string(one) for one in (content, taught_network(base, *head.rounded())))
    assert before_rejection(network, LOGITS) != LOGITS
    assert before_rejection(without, LOGITS) == LOGITS
    read = Rejection.of(network)
    np.testing.assert_allclose(read.distance(rows), head.rejection.distance(rows), rtol=1e-3, atol=1e-3)
    assert (read.limit, read.steepness) == pytest.approx((head.rejection.limit, head.rejection.steepness))
    assert Rejection.of(without) is None


def test_too_few_groups_reject_nothing():
    samples = two_actions(groups=1)
    assert fit_rejection(samples, np.arange(len(samples.examples))).limit == NEVER
    samples = two_actions(groups=2)  # of which a fold leaves one to choose with
    checked = validation.validate(samples)
    np.testing.assert_allclose(checked.probabilities[:, :2].sum(axis=1), 1, atol=1e-6)


def test_the_limit_of_a_group_does_not_know_its_own_windows():
    samples = two_actions(groups=4, each=1)  # of so few, the farthest is the limit
    distance = np.array([5.0, 1.0, 2.0, np.nan, 4.0, 1.0, 2.0, np.nan])
    limit, _ = limits_by_others(samples, distance)
    assert samples.groups.tolist() == ["0", "1", "2", "3"] * 2
    assert limit.tolist() == [2.0, 5.0, 5.0, NEVER] * 2
    alone = np.where(samples.groups == "0", distance, np.nan)
    assert set(limits_by_others(samples, alone)[0].tolist()) == {NEVER}


def test_the_background_is_none_and_weighs_no_more_than_a_class():
    samples = two_actions()
    far = np.random.default_rng(3).normal(size=(300, 32)).astype(np.float32) + 4
    everything = np.arange(len(samples.examples))
    [head] = heads.fits(replace(samples, background=far[:150]), everything, [0.1])
    assert np.mean(head.logits(far[150:]).argmax(axis=1) == 2) > 0.95
    assert np.mean(head.logits(samples.embeddings[:, 0]).argmax(axis=1) == samples.classes) > 0.9
    twice = np.concatenate([far[:150], far[:150]])
    [other] = heads.fits(replace(samples, background=twice), everything, [0.1])
    np.testing.assert_allclose(head.weights, other.weights, atol=1e-3)


def test_what_is_lost_is_part_of_the_figures():
    samples = two_actions()
    checked = validation.validate(samples)
    lost = np.mean(checked.probabilities.argmax(axis=1) == 2)
    assert 0 < lost < 2 * LOSS
    assert not (checked.raw.argmax(axis=1) == 2).any()


def with_a_stranger(samples):
    """Move the first example far from all others, in a direction that no class has."""
    embeddings = samples.embeddings.copy()
    embeddings[samples.example == 0] += 100 * np.eye(32, dtype=np.float32)[-1]
    return replace(samples, embeddings=embeddings)


def test_what_is_rejected_decides_neither_log_loss_nor_calibration():
    samples = with_a_stranger(two_actions(groups=6))
    checked = validation.validate(samples)
    assert checked.probabilities[0, 2] > 0.999999
    scores = np.zeros((len(samples.examples), 2))
    for (_, test), choice in zip(checked.folds, checked.choices, strict=True):  # one window of each example
        scores[test] = softmax(checked.logits[test, :2] / choice.temperature, axis=1)
    found = validation.measures(samples, checked.probabilities, checked.calibrated, checked.raw)
    assert found["log_loss"]["value"] == pytest.approx(log_loss(samples.classes, scores))
    assert found["figures"]["confusion"][0][2] >= 1


def test_with_a_temperature_of_one_the_calibration_is_the_same_with_and_without():
    samples = two_actions(groups=2, each=1)
    sure = np.eye(3)[samples.classes] * 0.8 + [[0, 0.2, 0], [0, 0.2, 0], [0.2, 0, 0], [0.2, 0, 0]]
    rejected = np.concatenate([[[0, 0, 1]], sure[1:]])
    found = validation.measures(samples, rejected, sure, sure)
    assert found["calibration"]["error"] == pytest.approx(0.2)  # all are right, with 0.8
    assert found["uncalibrated_error"] == pytest.approx(0.2)
    assert found["log_loss"]["value"] == pytest.approx(-np.log(0.8))
    assert found["figures"]["accuracy"]["value"] == 0.75
    assert found["accuracy_before_rejection"]["value"] == 1


def test_a_test_sets_log_loss_is_of_what_was_not_rejected_yet():
    samples = two_actions(groups=6)
    everything = np.arange(len(samples.examples))
    [linear] = heads.fits(samples, everything, [0.1])
    strange = with_a_stranger(samples)
    tests = test_set.TestSet(Dataset(Path("tests"), "", ()), strange, [], [])
    measured, probabilities = test_set.measure(tests, replace(linear, rejection=fit_rejection(samples, everything)))
    scores = softmax(strange.embeddings[:, 0] @ linear.weights + linear.bias, axis=1)
    assert probabilities[0, 2] > 0.999999
    assert measured["log_loss"]["value"] == pytest.approx(log_loss(samples.classes, scores[:, :2]))

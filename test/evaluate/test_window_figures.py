"""From a file of predictions to figures, compared with scikit-learn's on the same windows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from predictions import LABELS, predictions
from sklearn.metrics import average_precision_score, f1_score

from har_ros.evaluate.assess import Truth, assess
from har_ros.evaluate.window_figures import FIGURES
from har_ros.truth.segments import Segment


def measured(folder, windows, segments, **options):
    path, header = predictions(folder, windows, **options)
    return assess(path, header, segments, Truth(tuple(segments))).metrics.to_dict()


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.lists(st.integers(1, 100), min_size=4, max_size=4)), max_size=30),
    known=st.integers(1, 4),
)
def test_figures_are_scikit_learns(tmp_path_factory, rows, known):
    """Window i has the label of a segment of its own, or none; the truth has so many of the network's classes."""
    folder = tmp_path_factory.mktemp("figures")
    scores = np.array([np.array(score) / sum(score) for _, score in rows]).reshape(-1, 4)
    scores = scores.astype(np.float16).astype(float)  # what the file keeps
    true = np.array([label if label < known else 4 for label, _ in rows], int)
    segments = [
        Segment(10 * i, 10 * i + 1, LABELS[label] if label < 4 else "none") for i, label in enumerate(true.tolist())
    ]
    windows = [("/a", 10 * i + 1, score) for i, score in enumerate(scores)]
    overall = measured(folder, windows, segments)["overall"]
    names = sorted(set(true[true < 4]))
    first = scores.argmax(axis=1) if len(rows) else np.zeros(0, int)
    labelled = true < 4
    if not names:
        for name in ("top1", "top5", "macro_f1", "map", "segment_accuracy", "delay", "calibration_error"):
            assert math.isnan(overall[name]["value"])
        return
    assert overall["top1"]["value"] == pytest.approx((first == true)[labelled].mean())
    assert overall["top5"]["value"] == 1
    assert overall["segment_accuracy"]["value"] == pytest.approx((first == true)[labelled].mean())
    said = np.where(scores.max(axis=1) >= 0.3, first, 5)
    said = np.where(np.isin(said, names), said, 5)  # what the truth does not have is another class
    expected = f1_score(true, said, labels=names, average="macro", zero_division=0)
    assert overall["macro_f1"]["value"] == pytest.approx(expected)
    precisions = [average_precision_score(true == label, scores[:, label]) for label in names]
    assert overall["map"]["value"] == pytest.approx(np.mean(precisions))
    assert overall["time_below_threshold"]["value"] == pytest.approx((scores.max(axis=1) < 0.3).mean())


def test_without_windows_and_without_truth_there_are_no_figures(tmp_path):
    segments = [Segment(0, 1, "run")]
    everything_dropped = measured(tmp_path, [], segments)
    overall = everything_dropped["overall"]
    assert (overall["segments"], overall["segments_without_window"]) == (1, 1)
    assert overall["segment_accuracy"]["value"] == 0
    assert overall["never_right"]["value"] == 1
    for name in ("top1", "macro_f1", "map", "delay", "false_alarms_per_hour", "calibration_error"):
        assert math.isnan(overall[name]["value"])
    unknown = measured(tmp_path, [("/a", 1, (0.7, 0.1, 0.1, 0.1))], [])
    assert unknown["classes"] == []
    assert math.isnan(unknown["overall"]["top1"]["value"])
    assert unknown["overall"]["time_below_threshold"]["value"] == 0
    windows = {"run": 1, "labelled": 0, "background": 0, "edge_or_without_truth": 1, "padded": 0}
    assert unknown["overall"]["windows"] == windows


def test_false_alarms_per_hour(tmp_path):
    """Eight seconds of background after the segment, a window each second: two alarms, of which one lasts 3 s."""
    said = [(0.9, 0, 0, 0.1)] * 2 + [(0, 0, 0, 1)] * 3 + [(0.9, 0, 0, 0.1)] * 3 + [(0, 0, 0, 1)] + [(0.9, 0, 0, 0.1)]
    windows = [("/a", 1.0 + i, score) for i, score in enumerate(said)]
    overall = measured(tmp_path, windows, [Segment(0, 2, "run")])["overall"]
    assert overall["windows"]["background"] == 8
    assert overall["background_hours"] == pytest.approx(8 / 3600)
    rate = overall["false_alarms_per_hour"]
    assert (overall["false_alarms"], rate["value"]) == (2, pytest.approx(2 * 3600 / 8))
    assert rate["low"] == pytest.approx(0.2422 * 3600 / 8, rel=1e-3)  # of two events, in tables of Poisson's limits
    assert rate["high"] == pytest.approx(7.2247 * 3600 / 8, rel=1e-3)


def test_no_alarm_in_three_seconds_says_little(tmp_path):
    overall = measured(tmp_path, [("/a", 1.0 + i, (0, 0, 0, 1)) for i in range(5)], [Segment(0, 1.5, "run")])["overall"]
    assert overall["background_hours"] == pytest.approx(3 / 3600)
    rate = overall["false_alarms_per_hour"]
    assert (rate["value"], rate["low"], rate["high"]) == (0, 0, pytest.approx(-math.log(0.025) * 1200))


def test_intervals_cover_what_they_should(tmp_path):
    """With 400 independent segments the 95 % interval of a share p is about ±1.96·sqrt(p(1-p)/n) wide."""
    rng = np.random.default_rng(1)
    right = rng.random(400) < 0.7
    windows = [("/a", 10 * i + 1, (0.9, 0.1, 0, 0) if ok else (0.1, 0.9, 0, 0)) for i, ok in enumerate(right)]
    segments = [Segment(10 * i, 10 * i + 1, "run") for i in range(400)]
    overall = measured(tmp_path, windows, segments)["overall"]
    half = 1.96 * math.sqrt(right.mean() * (1 - right.mean()) / 400)
    for name in ("top1", "segment_accuracy"):
        figure = overall[name]
        assert figure["value"] == pytest.approx(right.mean())
        assert figure["low"] == pytest.approx(figure["value"] - half, abs=0.01)
        assert figure["high"] == pytest.approx(figure["value"] + half, abs=0.01)


def test_windows_of_one_segment_are_drawn_together(tmp_path):
    """Ten segments of forty windows each are ten cases and not four hundred."""
    windows = [
        ("/a", 100 * s + 1 + i / 8, (0.9, 0.1, 0, 0) if s < 7 else (0.1, 0.9, 0, 0))
        for s in range(10)
        for i in range(40)
    ]
    segments = [Segment(100 * s, 100 * s + 6, "run") for s in range(10)]
    top1 = measured(tmp_path, windows, segments)["overall"]["top1"]
    half = 1.96 * math.sqrt(0.7 * 0.3 / 10)
    assert top1["high"] - top1["low"] == pytest.approx(2 * half, rel=0.15)


def test_bags_and_cameras_have_figures_of_their_own(tmp_path):
    windows = [("/a", 1, (0.9, 0.1, 0, 0)), ("/b", 1, (0.1, 0.9, 0, 0))]
    found = measured(tmp_path, windows, [Segment(0, 1, "run")], cameras=("/a", "/b"))
    assert [(row["camera"], row["top1"]["value"]) for row in found["per_camera"]] == [("/a", 1), ("/b", 0)]
    assert [(row["bag"], row["top1"]["value"]) for row in found["per_bag"]] == [("bag", 0.5)]
    assert found["overall"]["counts"]["windows_expected"] == 4
    assert {name for name, _ in FIGURES} < found["overall"].keys()


def test_the_sweep_says_what_other_thresholds_give(tmp_path):
    """Right, wrong by a class that the truth does not have, and a false alarm, which stands for 12 s."""
    said = {1: (0.9, 0.1, 0, 0), 11: (0.4, 0.6, 0, 0), 25: (0.55, 0.45, 0, 0)}
    segments = [Segment(0, 1, "run"), Segment(10, 11, "run"), Segment(20, 30, "none")]
    windows = [("/a", end, scores) for end, scores in said.items()]
    rows = {row["threshold"]: row for row in measured(tmp_path, windows, segments)["sweep"]}
    assert len(rows) == 101
    assert (rows[0.5]["answered"], rows[0.5]["right_of_answered"], rows[0.5]["right_of_all"]) == (1, 0.5, 0.5)
    assert rows[0.5]["macro_f1"] == pytest.approx(0.5)
    assert rows[0.5]["false_alarms_per_hour"] == pytest.approx(300)
    assert (rows[0.7]["answered"], rows[0.7]["right_of_answered"], rows[0.7]["right_of_all"]) == (0.5, 1, 0.5)
    assert rows[0.7]["macro_f1"] == pytest.approx(2 / 3)
    assert rows[0.7]["false_alarms_per_hour"] == 0
    assert rows[0.95]["answered"] == 0
    assert math.isnan(rows[0.95]["right_of_answered"])

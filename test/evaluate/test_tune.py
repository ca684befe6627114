"""Limits that are chosen: evidence of known height, on six cameras that are groups."""

import math

import numpy as np
import pytest
from predictions import LABELS, predictions

from har_ros.evaluate import tune
from har_ros.evaluate.assess import Truth, assess
from har_ros.evaluate.recorded_evidence import RecordedEvidence
from har_ros.evaluate.results import read
from har_ros.evaluate.track import Moment
from har_ros.evaluate.tune import Tuning, Wish
from har_ros.frames.sampling import SECOND
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.events import Events
from har_ros.truth.segments import Segment


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch):
    """Fewer than a user gets, since each runs the event layer over all windows."""
    for name, values in (("STARTS", (0.1, 0.2, 0.4, 0.7)), ("END_PARTS", (0.7,)), ("MAX_GAPS", (1.0,))):
        monkeypatch.setattr(tune, name, values)


CAMERAS = tuple(f"/camera{number}" for number in range(6))
LENGTH = 40
SEGMENTS = ((5, 11), (28, 34))


def chosen(folder, wish, level=lambda camera: 0.45, flare=0.35, flare_length=4, also=(), cameras=CAMERAS):
    """Tune with cameras in which somebody runs twice, at a level, and the evidence flares up once in between.

    also: segments of other classes.
    """
    windows = []
    for camera in cameras:
        for end in np.arange(1, LENGTH, 0.5):
            runs = any(start <= end - 0.5 < stop for start, stop in SEGMENTS)
            flares = 17 <= end - 0.5 < 17 + flare_length
            score = level(camera) if runs else flare if flares else 0.0
            windows.append((camera, end, [score, 0, 0, 0]))
    path, header = predictions(folder, windows, cameras=cameras)
    segments = [Segment(start, stop, "run", camera) for camera in cameras for start, stop in SEGMENTS] + list(also)
    assessment = assess(path, header, segments, Truth(tuple(segments)))
    tracks = {one.camera: RecordedEvidence(one, assessment.classes, one.camera) for one in assessment.judged}
    for window in read(path)[1]:
        tracks[window.camera].append(Moment.of(window), window.end, window.probabilities)
    tuning = Tuning(list(tracks.values()), LABELS, assessment.classes, EventSettings(), 0.0, wish)
    steps = []
    tuned = tuning.run(lambda: steps.append(1))
    assert len(steps) == tuning.steps
    return tuned


def test_a_limit_between_actions_and_flares_finds_all_without_false_alarms(tmp_path):
    tuned = chosen(tmp_path, Wish(recall=0.95))
    [run] = tuned.classes
    assert run.usual.recall.value == 0  # nothing reaches 0.5
    assert 0.35 < run.limits.start <= 0.45
    assert (run.cost.segments, run.cost.recall.value, run.cost.alarms.value) == (12, 1, 0)
    # Wilson's, of six cameras of which all is found, with Student's t for five degrees of freedom
    assert run.cost.recall.low == pytest.approx(1 / (1 + 2.571**2 / 6), abs=1e-3)
    hours = 6 * (LENGTH - 1) / 3600
    assert run.cost.alarms.high == pytest.approx(-math.log(0.025) / hours, rel=0.02)  # Poisson's, of none
    assert tuned.cost == run.cost


def test_what_recall_costs_is_said_and_alarms_can_be_limited_instead(tmp_path):
    """The flares are higher, and as long as the actions: with one comes the other."""
    [run] = chosen(tmp_path, Wish(recall=0.95), flare=0.6, flare_length=6).classes
    assert run.cost.recall.value == 1
    assert run.cost.alarms.value == pytest.approx(6 / (6 * (LENGTH - 1) / 3600), rel=0.02)
    [run] = chosen(tmp_path, Wish(alarms=0.0), flare=0.6, flare_length=6).classes
    assert (run.cost.recall.value, run.cost.alarms.value) == (0, 0)
    [run] = chosen(tmp_path, Wish(recall=0.95), flare=0.6, flare_length=0.5).classes
    assert (run.cost.recall.value, run.cost.alarms.value) == (1, 0)  # they are shorter than what lasts long enough


def test_limits_that_serve_the_wish_stay(tmp_path):
    [run] = chosen(tmp_path, Wish(recall=0.95), level=lambda camera: 0.9).classes
    assert run.limits == (0.5, 0.3, 1.0, 1.0)
    assert run.cost == run.usual
    assert not run.missed


def test_it_is_said_that_no_limits_serve_the_wish(tmp_path):
    """Nothing is ever as high as the lowest start."""
    [run] = chosen(tmp_path, Wish(recall=0.95), level=lambda camera: 0.05, flare=0.05).classes
    assert run.missed
    assert run.cost.recall.value == 0


def test_the_cost_is_that_of_groups_that_did_not_choose(tmp_path):
    """One camera's actions are lower than all others' flares: limits that the others choose miss them."""
    [run] = chosen(tmp_path, Wish(recall=0.95), level=lambda camera: 0.2 if camera == CAMERAS[3] else 0.45).classes
    assert run.limits.start <= 0.2
    assert run.cost.recall.value == pytest.approx(10 / 12)


def test_classes_with_too_few_groups_keep_their_limits(tmp_path):
    also = [Segment(23, 25, "walk", camera) for camera in CAMERAS[:2]]
    tuned = chosen(tmp_path, Wish(recall=0.95), also=also)
    walk = next(one for one in tuned.classes if one.name == "walk")
    assert walk.limits is None
    assert walk.reason == "the truth has it in 2 groups, and 3 are needed"
    assert walk.cost.recall.value == 0
    assert next(one for one in tuned.classes if one.name == "run").limits
    [run] = chosen(tmp_path, Wish(recall=0.95), cameras=CAMERAS[:2]).classes
    assert run.limits is None


def test_people_share_a_segment_and_the_first_of_them_counts(tmp_path):
    """Two run at once, the second a second later, without the pause of the truth; a third where nobody should."""
    path, header = predictions(
        tmp_path, [("/a", end, [0, 0, 0, 0]) for end in np.arange(1, LENGTH, 0.5)], cameras=("/a",)
    )
    segments = [Segment(5, 8, "run", "/a"), Segment(8.5, 11, "run", "/a")]
    assessment = assess(path, header, segments, Truth(tuple(segments)))
    evidence = RecordedEvidence(assessment.judged[0], assessment.classes, "one", people=True)
    for window in read(path)[1]:
        seconds = window.end / SECOND - assessment.judged[0].first / SECOND
        for person, (start, stop) in {"p1_1": (5, 11), "p1_2": (6, 11), "p1_3": (25, 31)}.items():
            score = 0.9 if start <= seconds - 0.5 < stop else 0.0
            evidence.append(Moment.of(window), window.end, np.array([score, 0, 0, 0], np.float16), person)
    rows = evidence.evidence(range(len(LABELS)), 0.0)
    [outcome] = evidence.outcomes(rows, lambda: Events(LABELS, EventSettings()))
    assert (outcome.segments, outcome.found, outcome.said, outcome.alarms) == (2, 2, 3, 1)
    first, second = outcome.delays
    assert 0 < first < 2  # of the first who runs, which has to last for a second
    assert second == pytest.approx(first - 3.5)

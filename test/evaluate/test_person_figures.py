"""Events of people from recorded windows, against truth that does not say who acts."""

import base64
import json
import math

import numpy as np
import pytest
from bags import SECOND
from predictions import predictions
from scipy.stats import binomtest

from har_ros.errors import ConfigurationError
from har_ros.evaluate.assess import Truth, assess
from har_ros.files.results_folder import finite
from har_ros.truth.segments import Segment

LABELS = ("wave", "sit")
WAVE, SIT, NOTHING = (0.9, 0.1), (0.1, 0.9), (0.1, 0.1)


def lines(person, until, *actions, camera="/a", begin=0):
    """Windows of one second each half second, until there is no more. actions: evidence, first and last end."""
    for end in np.arange(begin + 1, until, 0.5):
        shown = [evidence for evidence, first, last in actions if first <= end <= last]
        yield {
            "bag": "bag",
            "camera": camera,
            "person": person,
            "start": round((end - 1) * SECOND),
            "end": round(end * SECOND),
            "restarts": 0,
            "probabilities": base64.b64encode(np.array(shown[0] if shown else NOTHING, "<f2").tobytes()).decode(),
        }


def measured(folder, people, segments, label_map=None, cameras=("/a",), parameters=None):
    """A minute of whole images in which nothing is done, and what people do."""
    whole = [(camera, end, np.zeros(4)) for camera in cameras for end in np.arange(1, 61, 0.5)]
    path, header = predictions(folder, whole, cameras=cameras)
    header["person_labels"] = list(LABELS)
    header["parameters"] |= parameters or {}
    records = sorted((line for person in people for line in person), key=lambda line: line["end"])
    (folder / "persons.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return assess(path, header, segments, Truth(tuple(segments), label_map or {})).metrics


def test_anybodys_event_finds_a_segment_and_everybodys_false_alarms_count(tmp_path):
    """Two wave in the first segment, one of them later; one waves where nobody should, and nobody sits."""
    people = [
        lines("p1_1", 50, (WAVE, 10, 14), (WAVE, 40, 44)),
        lines("p1_2", 50, (WAVE, 12, 16)),
    ]
    segments = [Segment(9, 16, "wave"), Segment(20, 24, "sit"), Segment(50, 52, "run")]  # run is of whole images
    metrics = measured(tmp_path, people, segments)
    figures = metrics.person_events
    assert (figures.said, figures.segments, figures.found, figures.false_alarms) == (3, 2, 1, 1)
    assert figures.recall.value == 0.5
    wilson = binomtest(1, 2).proportion_ci(0.95, method="wilson")
    assert (figures.recall.low, figures.recall.high) == pytest.approx((wilson.low, wilson.high))
    # the first whose middle is a second after where the action was seen to begin, at 9.5 s
    assert figures.start_delay.median == pytest.approx(11 - 9)
    assert figures.false_alarms_per_hour.value == pytest.approx(60)
    assert (metrics.events.segments, metrics.events.said) == (1, 0)  # run alone
    assert json.loads(json.dumps(finite(metrics.to_dict())))["person_events"]["found"] == 1


def test_what_is_one_class_of_the_truth_is_one_event_of_a_person(tmp_path):
    """Two outputs of the network mean the same; they are said at the same time."""
    both = (0.9, 0.9)
    people = [lines("p1_1", 50, (both, 10, 14), (both, 40, 44)), lines("p1_2", 50, (both, 40, 44))]
    segments, label_map = [Segment(9, 14, "greeting")], {"greeting": ["wave", "sit"]}
    figures = measured(tmp_path, people, segments, label_map, parameters={"event_overlap": True}).person_events
    assert (figures.said, figures.found, figures.false_alarms) == (3, 1, 2)


def test_cameras_are_judged_by_themselves(tmp_path):
    people = [lines("p1_1", 30, (WAVE, 10, 14)), lines("p2_1", 30, (SIT, 10, 14), camera="/b")]
    segments = [Segment(9, 14, "wave", "/a"), Segment(9, 14, "wave", "/b")]
    figures = measured(tmp_path, people, segments, cameras=("/a", "/b")).person_events
    assert (figures.said, figures.found, figures.false_alarms) == (1, 1, 0)  # sitting is no class of the truth


def test_what_somebody_did_ends_when_they_are_gone(tmp_path):
    """After track_timeout, 3 s, and before 5 s without a window, which end events anyway."""
    people = [lines("p1_1", 14, (WAVE, 10, 14)), lines("p1_1", 22, (WAVE, 18, 22), begin=17)]
    figures = measured(tmp_path, people, [Segment(9, 14, "wave"), Segment(17, 22, "wave")]).person_events
    assert (figures.said, figures.found, figures.false_alarms) == (2, 2, 0)


def test_a_name_may_mean_classes_of_both_networks(tmp_path):
    people = [lines("p1_1", 30, (WAVE, 10, 14))]
    metrics = measured(tmp_path, people, [Segment(9, 14, "greeting")], {"greeting": ["wave", "run"]})
    assert (metrics.events.segments, metrics.person_events.segments, metrics.person_events.found) == (1, 1, 1)
    with pytest.raises(ConfigurationError, match="'nod' is no class of the network"):
        measured(tmp_path, people, [Segment(9, 14, "nod")])


def test_without_a_truth_there_are_no_figures_and_without_people_no_entry(tmp_path):
    figures = measured(tmp_path, [lines("p1_1", 30, (WAVE, 10, 14))], []).person_events
    assert (figures.said, figures.segments) == (0, 0)
    assert math.isnan(figures.recall.value)
    path, header = predictions(tmp_path, [("/a", 1, np.zeros(4))])
    assert "person_events" not in assess(path, header, [], Truth()).metrics.to_dict()


@pytest.mark.parametrize("damage", ['{"bag": "bag"}', "[]", "nonsense", '{"probabilities": "ä"}'])
def test_a_damaged_line_is_said(tmp_path, damage):
    path, header = predictions(tmp_path, [("/a", 1, np.zeros(4))])
    (tmp_path / "persons.jsonl").write_text(damage)
    with pytest.raises(ConfigurationError, match=r"persons.jsonl line 1 is damaged; evaluate again with --overwrite"):
        assess(path, {**header, "person_labels": list(LABELS)}, [], Truth())

"""The benchmark of falls counts events, not windows."""

import numpy as np
import pytest
from fall_events import ENOUGH, Alarm, Count, Counts, Watched, count

from har_ros.pipeline.event_settings import ClassLimits, EventSettings
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.scores import Prediction

LABELS = ("falling", "lying", "none")
SECOND = 1_000_000_000
SOON = EventSettings(classes={"falling": ClassLimits(0.8, min_duration=0.0)})


def watched(falling, falls=(), every=0.1, window=1.2):
    """One person, of whom each window says that they fall, or that it is nothing."""
    results = []
    for number, share in enumerate(falling):
        end = round((window + number * every) * SECOND)
        evidence = np.array([share, 0, 1 - share])
        results.append(Result(Prediction((), 0.0, evidence), end - round(window * SECOND), end, "", 32, 0.0, end, 0))
    return Watched([results], LABELS, 0, falls, 10.0)


def test_an_event_that_begins_before_the_end_of_a_fall_and_is_said_after_its_start_is_of_it():
    video = watched([0.1] * 10 + [0.9] * 10 + [0.1] * 30, [(1.5, 4.0)])
    [alarm] = video.alarms(SOON)
    assert alarm.said == pytest.approx(2.2)
    found = count([video], SOON)
    assert (len(found.delays), found.falls, found.false) == (1, 1, 0)
    assert found.delays[0] == pytest.approx(0.7)
    assert not alarm.is_of((2.3, 4.0))  # said before
    assert not Alarm(5.0, 4.2).is_of((1.5, 4.0))


def test_what_is_no_fall_is_a_false_alarm_once_however_many_windows_say_so():
    video = watched([0.1] * 10 + [0.9] * 30 + [0.1] * 30)
    assert count([video], SOON) == Count([], 0, 1)


def test_with_the_parameters_as_they_are_short_events_are_left_out():
    video = watched([0.1] * 10 + [0.9] * 4 + [0.1] * 30, [(1.5, 4.0)])
    assert len(count([video], SOON).delays) == 1
    assert not count([video], EventSettings()).delays


def test_the_start_is_chosen_by_the_others():
    """Of person 1, a fall is seen less surely, and elsewhere something looks like a fall, but not so surely."""
    sure, unsure = (watched([0.1] * 10 + [share] * 20 + [0.1] * 20, [(1.5, 4.0)]) for share in (0.92, 0.82))
    like = watched([0.1] * 10 + [0.78] * 20 + [0.1] * 20)
    counts = Counts({"1": [unsure], "2": [sure], "3": [sure]}, {"yoga": [like], "streets": [like]})
    assert ENOUGH > 2 / 3
    rows = counts.chosen_by_others()
    assert list(rows.columns[1].cells) == ["0.8", "0.8", "0.8", "", "0.8", "0.8", ""]
    assert list(rows.columns[2].cells)[3] == "3 of 3"
    assert list(counts.listed().columns[1].cells)[-1] == "0 of 3"

"""Events from replayed predictions, against truth."""

import json
import math

import numpy as np
import pytest
from predictions import predictions

from har_ros.evaluate import results
from har_ros.evaluate.assess import Truth, assess
from har_ros.files.results_folder import finite
from har_ros.truth.segments import Segment

RUN, WALK, NOTHING = np.eye(4)[0] * 0.9, np.eye(4)[1] * 0.9, np.zeros(4)


def measured(folder, windows, segments=()):
    """windows: (end in seconds, probabilities) of one camera, each of one second."""
    path, header = predictions(folder, [("/a", end, probabilities) for end, probabilities in windows])
    return assess(path, header, list(segments), Truth(tuple(segments)))


def stream(until, *actions):
    """Windows each half second; actions: probabilities, first and last end of a window that shows them."""
    for end in np.arange(1, until, 0.5):
        shown = [probabilities for probabilities, first, last in actions if first <= end <= last]
        yield end, shown[0] if shown else NOTHING


def test_events_are_compared_with_segments(tmp_path):
    """Run is said 0.75 s late; walk, said from 19.75 to 25.25 s, has no segment; fall is never said."""
    windows = list(stream(40, (RUN, 6.5, 11), (WALK, 20.5, 25.5)))
    found = measured(tmp_path, windows, [Segment(5, 10, "run"), Segment(30, 32, "fall"), Segment(35, 36, "walk")])
    events = found.metrics.events
    assert (events.said, events.segments, events.false_alarms) == (2, 3, 1)
    assert events.f1 == {"0.1": pytest.approx(2 / 5), "0.25": pytest.approx(2 / 5), "0.5": pytest.approx(2 / 5)}
    assert events.edit == pytest.approx(1 - 1 / 3)  # fall is missing in run, fall, walk
    assert events.start_error.median == pytest.approx(0.75)
    assert events.end_error.median == pytest.approx(0.75)
    assert events.start_delay.median == pytest.approx(
        7.5 - 5
    )  # of the first window whose middle is 1 s after its start
    assert events.end_delay.median == pytest.approx(12.5 - 10)  # of that whose middle is more than 1 s after its end
    hours = len(windows) * 0.5 / 3600
    assert events.false_alarms_per_hour.value == pytest.approx(1 / hours)
    assert events.false_alarms_per_hour.low == pytest.approx(0.0253 / hours, rel=0.01)  # Garwood's table
    assert events.false_alarms_per_hour.high == pytest.approx(5.572 / hours, rel=0.001)
    assert events.label_changes_per_minute == pytest.approx(4 / (hours * 60))


def test_flicker_is_counted_without_truth(tmp_path):
    """Run and walk by turns, each window another: the events are less nervous."""
    windows = [(end, RUN if round(2 * end) % 2 else WALK) for end in np.arange(1, 21, 0.5)]
    metrics = measured(tmp_path, windows).metrics
    assert metrics.windows_as_events.label_changes_per_minute == pytest.approx(60 * 39 / 20)
    assert metrics.events.label_changes_per_minute < 10
    assert (metrics.events.said, metrics.events.segments) == (0, 0)
    assert math.isnan(metrics.events.f1["0.25"])
    assert json.dumps(finite(metrics.to_dict()))


def test_what_is_said_from_the_first_window_to_the_last_is_no_change(tmp_path):
    metrics = measured(tmp_path, [(end, RUN) for end in np.arange(1, 21, 0.5)]).metrics
    assert metrics.windows_as_events.label_changes_per_minute == 0
    assert metrics.events.label_changes_per_minute == 0
    shorter = measured(tmp_path, [(end, RUN if end < 20 else WALK) for end in np.arange(1, 21, 0.5)]).metrics
    assert shorter.windows_as_events.label_changes_per_minute == pytest.approx(60 / 20)


def test_windows_hold_until_the_next_answer(tmp_path):
    windows = list(stream(20, (RUN, 6.5, 11)))
    row = measured(tmp_path, windows, [Segment(5, 10, "run")]).metrics.windows_as_events
    assert (row.said, row.segments, row.false_alarms) == (1, 1, 0)
    assert (row.start_error.median, row.end_error.median) == pytest.approx((1.5, 1.5))  # said from 6.5 to 11.5
    assert row.f1["0.5"] == 1


def test_a_continual_networks_events_are_where_its_answers_speak_of(tmp_path):
    """Windows whose answers are about their first half: the event is earlier by a quarter of a window."""
    windows = list(stream(20, (RUN, 6.5, 11)))
    path, header = predictions(tmp_path, [("/a", end, probabilities) for end, probabilities in windows])
    [usual] = assess(path, header, [], Truth()).judged[0].events
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records[1:]:
        assert "until" not in record
        record["until"] = record["end"] - 500_000_000
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert {window.end - window.until for window in results.read(path)[1]} == {500_000_000}
    [early] = assess(path, header, [], Truth()).judged[0].events
    assert (usual.start - early.start, usual.end - early.end) == (250_000_000, 250_000_000)

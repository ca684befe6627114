"""The comparison of events with first answers counts both alike, and chooses without what it measures."""

import numpy as np
import pytest
from event_streams import Stream, spans_of
from event_ways import EventsWith, FirstAnswers, measured
from events_default import ANSWERS, AS_THEY_ARE, as_many, best, better, chosen_elsewhere, interval

from har_ros.frames.skeletons import SkeletonFrame

SECOND = 1_000_000_000
LABELS = ("sit", "walk")
PLAIN, STEADY = FirstAnswers(), FirstAnswers(0.3)


def stream(walking, truth, group="anna"):
    """Windows of one second, ten a second, with the probability that somebody walks."""
    ends = [SECOND + SECOND // 10 * number for number in range(len(walking))]
    times = np.array([(end - SECOND, end, end, 0) for end in ends])
    rows = np.array([(1 - share, share) for share in walking], np.float32)
    return Stream("hall", group, LABELS, tuple(truth), times, rows)


FLICKER = [0.45 if number % 4 == 2 else 0.55 for number in range(40)]


def test_flicker_is_many_answers_and_no_change_with_hysteresis():
    counts = measured([stream(FLICKER, [(0, 5 * SECOND, "walk")])], [PLAIN, STEADY])
    assert (counts[PLAIN].said.sum(), counts[PLAIN].changes.sum()) == (11, 20)
    assert (counts[STEADY].said.sum(), counts[STEADY].changes.sum()) == (1, 0)
    assert counts[STEADY].f1()[0] == 1.0 > counts[PLAIN].f1()[0]
    assert counts[STEADY].edit()[0] == 1.0


def test_an_event_starts_where_half_of_a_window_shows_it_and_the_first_answer_half_a_window_later():
    walking = np.clip(np.arange(60) / 10 - 1, 0, 1)
    ways = [PLAIN, FirstAnswers(middle=True), AS_THEY_ARE]
    counts = measured([stream(walking, [(0, 2 * SECOND, "sit"), (2 * SECOND, 7 * SECOND, "walk")])], ways)
    assert {way: one.true.sum() for way, one in counts.items()} == dict.fromkeys(ways, 2)
    assert counts[AS_THEY_ARE].f1("0.5")[0] == 1.0 == counts[ways[1]].f1("0.5")[0]
    assert counts[PLAIN].f1("0.5")[0] == 0.5  # sitting is said from 1 to 2.6 s


def test_what_is_chosen_has_fewer_changes_and_is_not_chosen_with_the_footage_itself():
    ways = [PLAIN, STEADY, FirstAnswers(0.1), FirstAnswers(0.2), EventsWith(), EventsWith(0.8, 0.2, 0.5, 0.0)]
    sets = {
        "falls, skeletons": measured([stream(FLICKER, [(0, 5 * SECOND, "walk")])], ways),
        "everyday, skeletons": measured([stream(FLICKER, [(0, 5 * SECOND, "sit")])], ways),
        "yoga, skeletons": measured([stream([0.9] * 20 + [0.1] * 20, [(0, 5 * SECOND, "walk")])], ways),
    }
    assert best([sets["falls, skeletons"]], [PLAIN, STEADY]) == STEADY
    assert best([sets["falls, skeletons"]], [PLAIN, STEADY, EventsWith()], fewer=PLAIN) != PLAIN
    assert better(sets, STEADY, PLAIN) == 1
    with pytest.raises(SystemExit, match="several kinds of footage"):
        chosen_elsewhere("falls, skeletons", {name: sets[name] for name in list(sets)[:2]})


def test_as_many_changes_are_found_without_truth():
    counts = measured([stream([0.9] * 20 + [0.1] * 20, [(0, 5 * SECOND, "walk")])], [*ANSWERS, AS_THEY_ARE])
    assert counts[AS_THEY_ARE].changes.sum() == 1
    assert counts[as_many(counts)].changes.sum() == 1


def test_an_interval_of_a_difference_can_lie_below_zero():
    low, high = interval(np.array([-1.0, -1.1, -0.9, -1.0]), 10)
    assert low < -1 < high < 0
    assert np.isnan(interval(np.array([1.0]), 1)).all()


def test_neighbours_of_a_class_are_one_segment():
    frames = [SkeletonFrame(np.zeros((17, 3), np.float32), (9, 9), stamp) for stamp in range(4)]
    assert spans_of(zip("aabb", frames, strict=True)) == [(0, 1, "a"), (2, 3, "b")]
    assert spans_of(zip("abba", frames, strict=True)) == [(0, 0, "a"), (1, 2, "b"), (3, 3, "a")]

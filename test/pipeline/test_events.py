import dataclasses

import numpy as np
import pytest

from har_ros.errors import ConfigurationError
from har_ros.pipeline.event_settings import ClassLimits, EventSettings
from har_ros.pipeline.events import UNSEEN, Events, EventState

SECOND = 1_000_000_000
LABELS = ("wave", "fall", "run")
STARTED, GOING_ON, ENDED = EventState
LENGTH, STRIDE = 2.5, 0.32


def stamp(seconds):
    return round(seconds * SECOND)


def settings(start=0.5, end=0.3, shortest=0.0, gap=0.0, overlap=True):
    return EventSettings(start, end, shortest, gap, overlap)


def happened(events, windows, finish=True):
    """windows: (evidence of LABELS, start, end[, restarts]) in seconds."""
    said = []
    for scores, start, end, *restarts in windows:
        said += events.take(np.array(scores, np.float32), stamp(start), stamp(end), *restarts)
    return said + (events.finish() if finish else [])


def spans(said, state=ENDED):
    return [(e.label, round(e.start / SECOND, 2), round(e.end / SECOND, 2)) for e in said if e.state is state]


def sliding(actions, until, length=LENGTH, stride=STRIDE, level=1.0, lag=0.0):
    """Windows whose evidence is the part of them in which an action happens. actions: (number, start, end)."""
    for end in np.arange(length, until, stride):
        scores = [0.0] * len(LABELS)
        for label, first, last in actions:
            scores[label] += level * max(0.0, min(end, last) - max(end - length, first)) / length
        yield scores, end - length, end


@pytest.mark.parametrize(("start", "end"), [(0.5, 0.3), (0.3, 0.1), (0.6, 0.35), (0.2, 0.1)])
@pytest.mark.parametrize("level", [1.0, 0.7])
@pytest.mark.parametrize("length", [0.0, 1.0, LENGTH])
def test_start_and_end_are_the_actions_own(start, end, level, length):
    """Evidence by what the windows share with the action; within a stride, whatever the limits and the level are."""
    windows = list(sliding([(0, 10.0, 16.0)], 30, max(length, 1e-9), level=level))
    [(label, began, ended)] = spans(happened(Events(LABELS, settings(start, end)), windows))
    assert label == "wave"
    assert began == pytest.approx(10.0, abs=STRIDE)
    assert ended == pytest.approx(16.0, abs=STRIDE)


@pytest.mark.parametrize("begins", np.arange(10, 10.32, 0.08))
def test_evidence_that_switches_gives_the_moment_between_the_windows(begins):
    """A network that says 0 or 1 by the middle of its window: within half a stride."""
    windows = [([float(begins <= end - LENGTH / 2 < 14)], end - LENGTH, end) for end in np.arange(LENGTH, 30, STRIDE)]
    [(_, began, ended)] = spans(happened(Events(LABELS[:1], settings()), windows))
    assert began == pytest.approx(begins, abs=STRIDE / 2 + 0.01)
    assert ended == pytest.approx(14, abs=STRIDE / 2 + 0.01)


def test_what_the_first_and_the_last_window_show_is_from_start_to_end():
    windows = list(sliding([(1, 0, 99)], 8))
    assert spans(happened(Events(LABELS, settings()), windows)) == [("fall", 0.0, round(windows[-1][2], 2))]


def test_an_event_is_announced_once_goes_on_and_ends_once():
    said = happened(Events(LABELS, settings(shortest=1.0, gap=0.5)), sliding([(0, 10.0, 16.0)], 30))
    assert [e.state for e in said] == [STARTED, *[GOING_ON] * (len(said) - 2), ENDED]
    assert {e.id for e in said} == {1}
    [when] = {e.said for e in said}  # the end of the first window whose middle lies a second behind the start
    assert 1 <= (when - said[0].start) / SECOND - LENGTH / 2 < 1 + STRIDE
    assert said[0].end <= said[-1].end
    assert 0.5 < said[0].score < said[-1].score < 1


def test_a_class_has_its_own_limits():
    """Evidence of 0.4 for two actions, each by itself; only one of them may start there, and it needs not last."""
    windows = [*sliding([(0, 10.0, 16.0), (1, 20.0, 26.0)], 40, level=0.4)]
    common = settings(shortest=1.0, gap=0.5)
    assert spans(happened(Events(LABELS, common), windows)) == []
    for own, found in (
        (ClassLimits(start=0.3, end=0.2), ["fall"]),
        (ClassLimits(start=0.3, end=0.2, min_duration=9), []),
        (ClassLimits(start=0.45, end=0.2), []),
    ):
        limited = dataclasses.replace(common, classes={"fall": own})
        assert [label for label, _, _ in spans(happened(Events(LABELS, limited), windows))] == found
    twice = [*sliding([(1, 10.0, 14.0), (1, 18.0, 22.0)], 30)]
    bridged = dataclasses.replace(common, classes={"fall": ClassLimits(max_gap=5.0)})
    assert (
        len(spans(happened(Events(LABELS, common), twice))),
        len(spans(happened(Events(LABELS, bridged), twice))),
    ) == (2, 1)
    fading = [
        ([0.0, 1.0 if end < 10 else 0.25 if end < 20 else 0.0, 0.0], end - 1, end) for end in np.arange(1, 30, 0.5)
    ]
    longer = dataclasses.replace(common, classes={"fall": ClassLimits(end=0.2)})
    ends = [spans(happened(Events(LABELS, one), fading))[0][2] for one in (common, longer)]
    assert ends == [pytest.approx(9.5, abs=0.5), pytest.approx(19.5, abs=0.5)]


def test_the_class_leads_that_is_furthest_above_its_own_limit():
    """One event at a time: 0.4 of a class that starts at 0.2 counts more than 0.6 of one that starts at 0.5."""
    windows = [([0.6, 0.4, 0.0], end - LENGTH, end) for end in np.arange(LENGTH, 10, STRIDE)]
    alone = settings(overlap=False)
    assert {label for label, _, _ in spans(happened(Events(LABELS, alone), windows))} == {"wave"}
    sensitive = dataclasses.replace(alone, classes={"fall": ClassLimits(start=0.2, end=0.1)})
    assert {label for label, _, _ in spans(happened(Events(LABELS, sensitive), windows))} == {"fall"}
    idle = ("none", "fall", "run")
    assert spans(happened(Events(idle, alone), windows)) == []
    assert {label for label, _, _ in spans(happened(Events(idle, sensitive), windows))} == {"fall"}
    insensitive = dataclasses.replace(alone, classes={"fall": ClassLimits(start=0.35, end=0.1)})
    assert spans(happened(Events(idle, insensitive), windows)) == []


def test_short_ones_are_suppressed_and_gaps_bridged():
    """Single frames, one each second."""
    evidence = [0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0]
    windows = [([value], at, at) for at, value in enumerate(evidence)]
    assert spans(happened(Events(LABELS[:1], settings(shortest=1.5, gap=1.0)), windows)) == [("wave", 4.5, 10.5)]
    assert spans(happened(Events(LABELS[:1], settings(shortest=1.5)), windows)) == [
        ("wave", 4.5, 7.5),
        ("wave", 8.5, 10.5),
    ]
    assert len(spans(happened(Events(LABELS[:1], settings()), windows))) == 3


def test_it_goes_on_above_the_lower_limit_and_starts_at_the_upper_one_only():
    windows = [([value], at, at) for at, value in enumerate([0, 0.4, 0.4, 0, 0.6, 0.4, 0.4, 0.2, 0.4])]
    assert spans(happened(Events(LABELS[:1], settings()), windows)) == [("wave", 3.5, 6.5)]


def test_exclusive_events_follow_each_other_and_others_overlap():
    windows = [([a, b], at, at) for at, (a, b) in enumerate([(1, 0), (1, 0.5), (0.6, 0.6), (0.5, 0.9), (0.4, 0.9)])]
    both = spans(happened(Events(LABELS[:2], settings()), windows))
    assert both == [("wave", 0.0, 4.0), ("fall", 0.5, 4.0)]
    (_, first, until), (_, since, last) = spans(happened(Events(LABELS[:2], settings(overlap=False)), windows))
    assert (first, last) == (0.0, 4.0)
    assert until == since == 2.5


def test_another_action_in_a_gap_that_is_bridged_is_none():
    windows = [([a, 1.0 - a], at, at) for at, a in enumerate([1, 1, 0, 1, 1])]
    quiet = settings(shortest=1.5, gap=2.0, overlap=False)
    assert spans(happened(Events(LABELS[:2], quiet), windows)) == [("wave", 0, 4)]


def test_smoothing_makes_the_evidence_late_by_its_time_constant():
    windows = list(sliding([(0, 10.0, 16.0)], 30))
    [(_, began, ended)] = spans(happened(Events(LABELS, settings(), smoothing=0.5), windows))
    [(_, expected_began, expected_ended)] = spans(happened(Events(LABELS, settings()), windows))
    assert (began, ended) == pytest.approx((expected_began - 0.5, expected_ended - 0.5), abs=0.02)


@pytest.mark.parametrize(
    "after",
    [(100.0, 1), (5.0, 0), (9.9 + LENGTH + UNSEEN + 0.1, 0)],
    ids=["restart", "clock went back", "nothing seen"],
)
def test_all_events_end_with_the_last_good_window_once(after):
    end, restarts = after
    events = Events(LABELS, settings())
    said = happened(events, [([1, 0, 0], at, at + 1, 0) for at in (8, 8.5, 8.9)], finish=False)
    said += happened(events, [([1, 0, 0], end - 0.1, end, restarts)], finish=False)
    assert spans(said) == [("wave", 8, 9.9)]
    assert [e.id for e in said if e.state is STARTED] == [1, 2]
    assert spans(events.finish()) == [("wave", round(end - 0.1, 2), round(end, 2))]
    assert events.finish() == []


def test_what_is_left_out_since_nothing_moves_goes_on_until_something_moves():
    """Somebody lies still from 10 to 70 s; the network has a window at 30 s, and the next ones when they get up."""
    events = Events(LABELS, settings())
    until_30 = [*((0, at - LENGTH, at, 0, None) for at in np.arange(10, 13)), (0, 27.5, 30.0, 0, 29.9)]
    rising = [
        (share, 70 + share * LENGTH - LENGTH, 70 + share * LENGTH, 0, 70.0 if share == 0.1 else None)
        for share in np.arange(0.1, 1.01, 0.1)
    ]
    said = []
    for share, start, end, restarts, held in [*until_30, *rising]:
        scores = np.array([1 - share, 0, 0], np.float32)
        said += events.take(scores, stamp(start), stamp(end), restarts, None if held is None else stamp(held))
    [(label, start, end)] = spans(said)
    assert (label, start) == ("wave", 7.5)
    assert end == pytest.approx(70, abs=0.2)


def test_an_event_has_the_time_at_which_it_is_said():
    """One of a second is said with its window, or when the stream ends; or when the next image shows that it ended."""
    events = Events(LABELS, settings(shortest=0.75))
    waved = np.array([1.0, 0.0, 0.0])
    assert events.take(waved, stamp(8), stamp(9)) == []
    assert [(e.state, e.said) for e in events.finish(stamp(12))] == [(STARTED, stamp(12)), (ENDED, stamp(12))]
    assert events.take(waved, stamp(18), stamp(19)) == []
    assert {e.said for e in events.take(waved, stamp(28), stamp(29), 1, now=stamp(29.5))} == {stamp(29.5)}
    assert {e.said for e in events.finish()} == {stamp(29.5)}


def test_an_event_that_becomes_surer_does_not_begin_after_it_was_said():
    """Its first window shows it, though less than half as surely as a later one behind a dip."""
    evidence = [0, 0, 0.55, 0.55, 0.55, 0.32, 1, 1, 1, 0, 0]
    windows = [([value], 10 + at / 2, 12.5 + at / 2) for at, value in enumerate(evidence)]
    [started, *_, ended] = happened(Events(LABELS[:1], settings()), windows)
    assert started.said == stamp(13.5)
    assert (ended.state, ended.start, ended.said) == (ENDED, stamp(13.5), stamp(13.5))


def test_a_window_after_a_restart_is_not_bridged():
    events = Events(LABELS, settings())
    said = events.take(np.array([1.0, 0.0, 0.0]), stamp(8), stamp(10))
    said += events.take(np.array([1.0, 0.0, 0.0]), stamp(48), stamp(50), 1, stamp(49))
    assert spans(said) == [("wave", 8, 10)]


def test_limits_that_contradict_each_other_are_refused():
    refused = r"^event_end is 0.6, above event_start \(0.5\); set it to that or less$"
    with pytest.raises(ConfigurationError, match=refused):
        Events(LABELS, settings(0.5, 0.6))
    events = Events(LABELS, settings())
    with pytest.raises(ConfigurationError):
        events.configure(settings(0.1, 0.2))
    assert spans(happened(events, sliding([(0, 1, 5)], 9)))


def test_the_memory_is_bounded():
    events = Events(LABELS, settings())
    for at in range(5000):
        events.take(np.full(3, at % 2, np.float32), stamp(at / 25), stamp(at / 25 + 1))
    assert sum(len(value) for value in vars(events).values() if hasattr(value, "__len__")) < 200


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("idle", ["none", "nothing"])
def test_that_it_is_no_action_is_no_event_and_leads(idle, overlap):
    windows = list(sliding([(0, 10.0, 16.0), (1, 18.0, 30.0)], 40))
    events = Events(("wave", idle, "run"), settings(overlap=overlap))
    assert [label for label, *_ in spans(happened(events, windows))] == ["wave"]
    both = [([0.6, 0.8, 0.0], end - 1, end) for end in range(1, 9)]
    found = spans(happened(Events(("wave", idle, "run"), settings(overlap=overlap)), both))
    assert bool(found) is overlap

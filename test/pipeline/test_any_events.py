"""Events of any windows."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.events import UNSEEN, Events, EventState

SECOND = 1_000_000_000
LABELS = ("wave", "fall", "run")
LENGTH = 2.5


def stamp(seconds):
    return round(seconds * SECOND)


EVIDENCE = st.one_of(
    st.sampled_from([np.eye(3)[i] * level for i in range(3) for level in (0, 0.4, 0.6, 1)]),
    npst.arrays(np.float64, 3, elements=st.floats(0, 1)),
)
USUAL = st.tuples(EVIDENCE, st.sampled_from([0, 0.1, 0.3, 0.5, 1.0]).map(stamp), st.just(None), st.just(False))
RARE = st.tuples(EVIDENCE, st.integers(-2 * SECOND, 9 * SECOND), st.integers(0, 4 * SECOND), st.booleans())
WINDOWS = st.lists(st.one_of(USUAL, USUAL, USUAL, USUAL, RARE), max_size=60)
"""Evidence, nanoseconds since the window before, length (as usual: None), and whether the stream begins again."""
SETTINGS = st.builds(
    lambda limits, shortest, gap, overlap: EventSettings(max(limits), min(limits), shortest, gap, overlap),
    st.sampled_from([(0.5, 0.3), (0.3, 0.1), (0.6, 0.6), (0.9, 0.01)]),
    st.sampled_from([0.0, 0.5, 1.5]),
    st.sampled_from([0.0, 0.5, 2.0]),
    st.booleans(),
)


def windows_of(step, *evidence):
    return [(np.array([a, b, 0]), stamp(step), None, False) for a, b in evidence]


@example(windows_of(1, (0.6, 1), (0.4, 0.4), (0, 0.4), (1, 0)), EventSettings(0.3, 0.1, 0.5, 0.5, False), 0.0, LENGTH)
@example(
    windows_of(0.5, (0.6, 0.4), (0, 0.2), (0, 0.6), (0.6, 0)), EventSettings(0.3, 0.1, 1.5, 0.5, True), 0.0, LENGTH
)
@example(windows_of(0.5, (0.6, 0), (0.2, 0.6), (1, 0.2)), EventSettings(0.5, 0.3, 0.5, 0.5, False), 0.0, LENGTH)
@example(windows_of(1, (0.2, 1), (1, 0.4)), EventSettings(0.9, 0.1, 1.5, 0.5, False), 0.0, LENGTH)
@given(WINDOWS, SETTINGS, st.sampled_from([0.0, 0.7]), st.sampled_from([0.0, 1.0, LENGTH]))
def test_whatever_comes_events_are_in_order(windows, chosen, smoothing, usual):
    """Until the stream begins again or the stamps go back, after which the same stamps may come again."""
    events = Events(LABELS, chosen, smoothing)
    end, restarts, last = 100 * SECOND, 0, None
    shortest = round(chosen.event_min_duration * SECOND)
    running, over, seen = {}, [], set()
    for scores, step, given_length, again in [*windows, (np.zeros(3), 0, 0, True)]:
        length = stamp(usual) if given_length is None else given_length
        end, restarts = max(end + step, 10 * SECOND), restarts + again
        said = events.take(scores, end - length, end, restarts)
        for event in said:
            assert 0 <= event.start <= event.end <= max(end, last or 0)
            if event.state is EventState.STARTED:
                assert event.id not in seen
                seen.add(event.id)
                assert chosen.event_overlap or not running
                assert event.label not in running.values()
                running[event.id] = event.label
            assert running[event.id] == event.label
            assert event.state is not EventState.STARTED or event.said == end
            assert event.start <= event.said or end < last
            if event.state is EventState.ENDED:
                del running[event.id]
                assert event.end - event.start >= shortest
                for label, start, until in over:
                    if not chosen.event_overlap or label == event.label:
                        assert event.start >= until or event.end <= start
                over.append((event.label, event.start, event.end))
        if last is not None and (again or end < last or end - length - last > UNSEEN * SECOND):
            assert all(event.start >= end - length for event in said if event.id in running)
            over = []
        last = end
    assert not running
    assert events.finish() == []

"""The rule of what a window shows, against its definition, nanosecond by nanosecond."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har_ros.truth.labelling import overlap

SPANS = st.tuples(st.integers(0, 30), st.integers(0, 12))


@given(
    st.lists(SPANS, min_size=1, max_size=10),
    SPANS.filter(lambda span: span[1] > 0),
    st.sampled_from([0.01, 0.25, 0.5, 0.8, 1.0]),
)
def test_windows_are_labelled_as_by_definition(windows, segment, coverage):
    start = np.array([begin for begin, _ in windows])
    end = start + [length for _, length in windows]
    first, last = segment[0], sum(segment)
    shared, touches, labelled = overlap(start, end, first, last, coverage)
    its = set(range(first, last))
    for number, (begin, length) in enumerate(windows):
        own = set(range(begin, begin + length)) or {begin}  # a frame is at a moment
        both = own & its
        assert touches[number] == bool(both)
        if length and both:
            assert shared[number] == len(both)
            assert labelled[number] == (len(both) >= coverage * min(length, len(its)))
        else:
            assert labelled[number] == bool(both)

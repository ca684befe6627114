"""Where two results differ."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from har_ros.service.pages.compare import differences

SPAN = st.tuples(st.integers(0, 20), st.integers(1, 9), st.sampled_from("ab"), st.sampled_from(["", "p_1", "p_2"]))
SPANS = st.lists(SPAN, max_size=6).map(
    lambda spans: [
        {"start": start, "end": start + length, "label": label, "person": who} for start, length, label, who in spans
    ]
)


def said(spans, moment):
    """What is said at a moment, without saying of whom."""
    return sorted((one["label"], bool(one["person"])) for one in spans if one["start"] <= moment < one["end"])


@given(SPANS, SPANS)
def test_a_moment_is_within_a_difference_when_different_things_are_said(first, second):
    found = differences(first, second)
    for moment in (0.5 + whole for whole in range(30)):
        inside = [one for one in found if one.start <= moment < one.end]
        assert len(inside) == (said(first, moment) != said(second, moment))
    assert all(one.start < one.end for one in found)
    for one, after in pairwise(found):
        assert one.end <= after.start
        assert one.end < after.start or (one.first, one.second) != (after.first, after.second)

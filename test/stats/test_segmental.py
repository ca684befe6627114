import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.stats.segmental import Span, edit_score, f1, matches, shared_part

SPANS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(1, 15)).map(lambda s: Span(s[0], s[1], s[1] + s[2])),
    max_size=8,
)


def published_f1(said, true, overlap):
    """The definition again, by frames: each segment is a set of frames."""
    frames = [[(span.label, {*range(span.start, span.end)}) for span in spans] for spans in (said, true)]
    taken, right = set(), 0
    for label, own in frames[0]:
        parts = np.array([len(own & other) / len(own | other) * (label == name) for name, other in frames[1]])
        if len(parts) and parts.max() >= overlap and int(parts.argmax()) not in taken:
            taken.add(int(parts.argmax()))
            right += 1
    precision = right / len(said) if said else 0.0
    recall = right / len(true) if true else 0.0
    return 2 * precision * recall / (precision + recall) if right else 0.0


@given(SPANS, SPANS, st.sampled_from([0.1, 0.25, 0.5]))
def test_f1_is_that_of_the_definition_by_frames(said, true, overlap):
    right = matches(said, true, overlap)
    assert len({place for place, _ in right}) == len({at for _, at in right}) == len(right)
    if said or true:
        assert f1(len(right), len(said), len(true)) == pytest.approx(published_f1(said, true, overlap))


def test_known_parts():
    assert shared_part(Span(0, 0, 10), Span(0, 5, 15)) == pytest.approx(1 / 3)
    assert shared_part(Span(0, 0, 10), Span(1, 0, 10)) == 0
    assert shared_part(Span(0, 0, 10), Span(0, 10, 20)) == 0
    assert matches([Span(0, 0, 4), Span(0, 4, 10)], [Span(0, 0, 10)], 0.25) == [(0, 0)]
    assert np.isnan(f1(0, 0, 0))


def textbook_distance(one, other):
    """Levenshtein's distance by its recursion."""
    if not one or not other:
        return len(one) + len(other)
    changed = textbook_distance(one[1:], other[1:]) + (one[0] != other[0])
    return min(changed, textbook_distance(one[1:], other) + 1, textbook_distance(one, other[1:]) + 1)


@given(st.lists(st.integers(0, 2), max_size=5), st.lists(st.integers(0, 2), max_size=5))
def test_the_edit_score_is_that_of_the_definition(said, true):
    if said or true:
        expected = 1 - textbook_distance(said, true) / max(len(said), len(true))
        assert edit_score(said, true) == pytest.approx(expected)
        assert edit_score(true, said) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "true", "score"),
    [
        ("kitten", "sitting", 1 - 3 / 7),
        ("intention", "execution", 1 - 5 / 9),
        ("abc", "abc", 1),
        ("abc", "", 0),
        ("", "abc", 0),
        ("ab", "ba", 0),
        ("abab", "ab", 0.5),  # flicker costs what it adds
    ],
)
def test_known_edit_scores(said, true, score):
    """Distances of textbooks."""
    assert edit_score([ord(c) for c in said], [ord(c) for c in true]) == pytest.approx(score)


def test_nothing_has_no_edit_score():
    assert np.isnan(edit_score([], []))

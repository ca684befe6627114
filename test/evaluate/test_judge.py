import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.evaluate.judge import BACKGROUND, EDGE, LABELLED, UNJUDGED, judge
from har_ros.evaluate.results import PredictedWindow
from har_ros.evaluate.track import Track, predicted
from har_ros.pipeline.scores import Hypothesis
from har_ros.stats.metrics import NOTHING, OTHER
from har_ros.truth.segments import Segment, join

SECOND = 1_000_000_000
LABELS = ("run", "walk", "fall", "fly")


def window(end, scores, span=2.0, late=0.0, restarts=0):
    """scores: label → probability, best first."""
    probabilities = np.array([scores.get(label, 0) for label in LABELS], np.float16)
    hypotheses = tuple(Hypothesis(label, score) for label, score in scores.items())
    start, end = round((end - span) * SECOND), round(end * SECOND)
    times = {"start": start, "end": end, "started": end + 7, "published": end + 7 + round(late * SECOND)}
    rest = {"frame_id": "cam01", "restarts": restarts, "frames": 4}
    return PredictedWindow(bag="bag", camera="/a", **times, **rest, hypotheses=hypotheses, probabilities=probabilities)


def judged(windows, segments, threshold=0.1, coverage=0.5, label_map=None):
    classes = join([segment.label for segment in segments], LABELS, label_map)
    track = Track("bag", "/a", 0, classes, LABELS)
    for one in windows:
        track.append(one)
    return judge(track, segments, classes, threshold, coverage, 0)


def test_windows_get_the_labels_with_which_they_share_enough():
    ends = [2, 3, 4, 4.9, 5, 6, 7, 8, 9]
    track = judged([window(end, {"run": 0.9}) for end in ends], [Segment(4, 6, "run")])
    assert track.windows["kind"].tolist() == [BACKGROUND] * 3 + [
        EDGE,
        LABELLED,
        LABELLED,
        LABELLED,
        BACKGROUND,
        BACKGROUND,
    ]
    assert track.windows["truth"][:, 0].tolist() == [False] * 4 + [True] * 3 + [False] * 2


def test_a_short_segment_is_a_windows_label_when_half_of_it_is_inside():
    ends = [4.0, 4.24, 4.25, 5, 6.25, 6.26, 7]
    track = judged([window(end, {"run": 0.9}) for end in ends], [Segment(4, 4.5, "run")])
    assert track.windows["truth"][:, 0].tolist() == [False, False, True, True, True, False, False]


def test_nothing_is_judged_where_the_truth_is_silent():
    assert judged([window(3, {"run": 0.9})], []).windows["kind"].tolist() == [UNJUDGED]
    assert judged([window(3, {"run": 0.9})], [Segment(0, 1, "none")]).windows["kind"].tolist() == [BACKGROUND]


def test_what_was_said():
    scores = [{"run": 0.6, "walk": 0.4}, {"fly": 0.6, "run": 0.1}, {"run": 0.09, "fly": 0.05}]
    track = judged([window(i + 2, one) for i, one in enumerate(scores)], [Segment(0, 9, "run"), Segment(0, 9, "walk")])
    assert predicted(track.windows).tolist() == [0, OTHER, NOTHING]
    assert track.windows["ranked"][:, :3].tolist() == [[0, 1, NOTHING], [OTHER, 0, NOTHING], [0, OTHER, NOTHING]]
    np.testing.assert_allclose(track.windows["scores"][0], [0.6, 0.4], rtol=1e-3)


def test_joined_classes_add_up():
    segments = [Segment(0, 9, "moving"), Segment(0, 9, "fall")]
    track = judged(
        [window(3, {"fall": 0.4, "run": 0.35, "walk": 0.25})], segments, label_map={"moving": ["run", "walk"]}
    )
    np.testing.assert_allclose(track.windows["scores"][0], [0.6, 0.4], rtol=1e-3)
    assert track.windows["ranked"][0, :3].tolist() == [1, 0, 0]


def test_a_segment_by_vote_and_its_delay():
    said = [{"walk": 0.9}, {"walk": 0.9}, {"run": 0.5}, {"run": 0.6}, {"run": 0.7}, {"fly": 0.9}]
    windows = [window(4 + i, one, late=0.25) for i, one in enumerate(said)]
    segments = judged(windows, [Segment(3, 8, "run"), Segment(20, 21, "run")]).segments
    assert segments[0].windows.tolist() == [0, 1, 2, 3, 4, 5]
    assert segments[0].right == pytest.approx(3 / 6)
    assert segments[0].vote
    assert segments[0].delay == pytest.approx(6.25 - 3)
    assert (segments[1].windows.tolist(), segments[1].vote) == ([], False)
    assert np.isnan([segments[1].right, segments[1].delay]).all()


def test_an_answer_from_before_the_segment_is_not_its_first_right_one():
    track = judged([window(3.9, {"run": 0.9}), window(4.1, {"run": 0.9})], [Segment(4, 6, "run")])
    assert track.segments[0].delay == pytest.approx(0.1)


def test_overlapping_segments_are_one_cluster_and_background_is_in_pieces():
    segments = [Segment(0, 4, "run"), Segment(3, 6, "walk"), Segment(10, 12, "run")]
    ends = [3, 5.5, 11.5, 20, 40, 70]
    track = judged([window(end, {"run": 0.9}) for end in ends], segments)
    assert [segment.cluster for segment in track.segments] == [0, 0, 1]
    assert track.windows["cluster"][:3].tolist() == [0, 0, 1]
    assert len(set(track.windows["cluster"][3:])) == 3
    assert not {0, 1} & set(track.windows["cluster"][3:])


def test_a_window_stands_for_the_time_to_the_next():
    windows = [window(end, {"run": 1.0}, restarts=int(end > 5)) for end in (1, 2, 3.5, 20, 21)]
    np.testing.assert_allclose(judged(windows, []).windows["duration"], [1, 1.5, 1, 1, 1])


TIMES = st.integers(0, 80).map(lambda tenth: tenth / 4)


@given(
    ends=st.lists(TIMES, min_size=1, max_size=20),
    spans=st.lists(st.tuples(TIMES, TIMES, st.sampled_from(["run", "walk", "none"])), max_size=6),
    coverage=st.sampled_from([0.25, 0.5, 1.0]),
    width=st.sampled_from([0.0, 0.5, 2.0]),
)
def test_labels_as_by_definition(ends, spans, coverage, width):
    segments = [Segment(min(a, b), max(a, b) + 0.25, label) for a, b, label in spans]
    track = judged([window(end + 2, {"run": 0.9}, span=width) for end in ends], segments, coverage=coverage)
    names = list(dict.fromkeys(segment.label for segment in segments if segment.label != "none"))
    for i, end in enumerate(end + 2 for end in ends):
        labels, touched = set(), False
        for segment in segments:
            shared = min(end, segment.end) - max(end - width, segment.start)
            meets = shared > 0 if width else segment.start <= end < segment.end
            if segment.label != "none" and meets:
                touched = True
                if shared >= coverage * min(width, segment.end - segment.start):
                    labels.add(segment.label)
        assert {names[c] for c in np.flatnonzero(track.windows["truth"][i])} == labels
        none = BACKGROUND if segments else UNJUDGED
        assert track.windows["kind"][i] == (LABELLED if labels else EDGE if touched else none)

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ConfigurationError
from har_ros.learning.dataset import Material
from har_ros.learning.embed import Windows
from har_ros.learning.samples import gather, only
from har_ros.truth.segments import Segment

SECOND = 1_000_000_000
STEP, SPAN = 0.5, 1.0


def windows(seconds=20, camera="/video", first=0, span=SPAN):
    start = first + (np.arange(0, seconds - SPAN, STEP) * SECOND).astype(np.int64)
    number = np.arange(len(start), dtype=np.float32)[:, None, None]
    looks = np.zeros((len(start), 4, 16, 16), np.uint8)
    return Windows(camera, first, start, start + round(span * SECOND), number, looks)


def material(name, *segments, label=None, group=None):
    own = tuple(Segment(start, end, what, bag=name) for start, end, what in segments)
    return Material(name, Path(name), group or name, label, own)


def taught(materials, seconds=20, background=True, span=SPAN):
    return gather(materials, {m.path: [windows(seconds, span=span)] for m in materials}, background)


TWO = [
    ("b", (0, 4, "wave"), (6, 9, "sit"), (15, 19, "none")),
    ("c", (5, 9, "wave"), (12, 19, "sit"), (0, 3, "none")),
]


@given(
    st.lists(st.tuples(st.integers(0, 72), st.integers(1, 24), st.sampled_from(["wave", "sit", "none"])), max_size=5),
    st.booleans(),
    st.sampled_from([SPAN, 0.0]),
)
def test_windows_have_the_labels_of_the_rule(drawn, background, span):
    """Against the rule by brute force: half of the shorter is shared; two actions or a touch teach nothing.

    A window of one frame, whose span is 0, is in a segment or not.
    """
    segments = [(start / 4, (start + length) / 4, label) for start, length, label in drawn]
    materials = [material("a", *segments), *(material(name, *own) for name, *own in TWO)]
    samples = taught(materials, background=background, span=span)
    labels = [samples.labels[label] for label in samples.classes[samples.example]]
    paths = [samples.examples[i].path.name for i in samples.example]
    found = {
        float(number): label
        for number, label, path in zip(samples.embeddings[:, 0, 0], labels, paths, strict=True)
        if path == "a"
    }
    expected = {}
    for number in range(len(windows().start)):
        start, end = number * STEP, number * STEP + span
        near = [(s, e, label) for s, e, label in segments if (s < end and start < e if span else s <= start < e)]
        has = {label for s, e, label in near if min(end, e) - max(start, s) >= min(span, e - s) / 2}
        real = has - {"none"}
        touched = any(label != "none" for _, _, label in near)
        if len(real) == 1:
            expected[number] = real.pop()
        elif not real and ("none" in has or (background and not touched)):
            expected[number] = "none"
    assert found == expected


def test_a_clip_is_one_example_with_all_its_windows():
    materials = [material(f"{label}{i}", label=label) for label in ("x", "y") for i in range(2)]
    samples = taught(materials, seconds=3)
    assert [example.name for example in samples.examples] == ["x0", "x1", "y0", "y1"]
    assert samples.example.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    part = only(samples, np.array([1, 3]))
    assert [example.name for example in part.examples] == ["x1", "y1"]
    assert part.example.tolist() == [0] * 4 + [1] * 4


def test_background_counts_as_clips_of_ten_seconds():
    samples = taught([material(name, (0, 4, "wave")) for name in "ab"])
    none = [example.name for example in samples.of_class(samples.labels.index("none"))]
    assert none == [f"{name} background from {s} s" for name in "ab" for s in (0, 10)]


def test_background_of_one_recording_only_is_no_class():
    materials = [material("a", (0, 20, "wave")), material("b", (0, 20, "sit"))]
    materials += [material("c", (0, 20, "sit")), material("d", (0, 4, "wave"))]
    assert taught(materials).labels == ("sit", "wave")
    assert taught(materials, background=False).labels == ("sit", "wave")


def test_a_class_without_a_window_is_refused():
    with pytest.raises(ConfigurationError, match=r"no window shows 'jump'.*outside"):
        taught([material(name, (0, 4, "wave"), (30, 40, "jump")) for name in "ab"])


@pytest.mark.parametrize(
    ("materials", "parts"),
    [
        ([("x0", "x", "g0"), ("x1", "x", "g1")], ["only 'x'", "none"]),
        ([("x0", "x", "g0"), ("x1", "x", "g1"), ("y0", "y", "g0")], ["'y'", "one clip", "y0"]),
        (
            [("x0", "x", "g0"), ("x1", "x", "g1"), ("y0", "y", "g0"), ("y1", "y", "g0")],
            ["all 2 clips", "'y'", "one group", "'g0'"],
        ),
    ],
)
def test_too_little_is_refused(materials, parts):
    with pytest.raises(ConfigurationError) as error:
        taught([material(name, label=label, group=group) for name, label, group in materials], seconds=3)
    for part in parts:
        assert part in str(error.value)

import pytest
from bags import SECOND, T0, TOPIC, action, series, write_bag
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ConfigurationError
from har_ros.evaluate.assess import Truth
from har_ros.evaluate.plan import Job
from har_ros.recordings.bag import CLASSIFICATION, open_recording
from har_ros.recordings.recording import Announced, BagError
from har_ros.truth import segments as truth
from har_ros.truth.check import Span, problems, span_of
from har_ros.truth.segments import ANY, Segment, join, load_label_map, load_truth, segments_of_topic

LABELS = ("run", "walk", "read book", "read paper", "fall", "lunge")
SPANS = [Span("one", ("/a", "/b"), T0, 10.0), Span("two.mp4", ("/video",), 0, 5.0)]


def written(path, text):
    path.write_text(text)
    return path


def test_csv_with_any_order_of_columns_and_more_of_them(tmp_path):
    text = "label, start,end,subject,video,camera\nrun,0,2.5,1,one.mp4,\nwalk,1700000000.5,1700000001,2,,/a\n"
    assert load_truth(written(tmp_path / "truth.csv", text)) == (
        Segment(0, 2.5, "run", ANY, "one.mp4"),
        Segment(1700000000.5, 1700000001, "walk", "/a", ANY, absolute=True),
    )


def test_yaml_with_several_labels_at_a_time(tmp_path):
    rows = ["{start: 0, end: 2, label: [run, fall], bag: one}", "{start: 1.5, end: 3, label: walk, camera: /a}"]
    text = "segments:\n" + "".join(f"- {row}\n" for row in rows)
    expected = (Segment(0, 2, "run", bag="one"), Segment(0, 2, "fall", bag="one"), Segment(1.5, 3, "walk", "/a"))
    assert load_truth(written(tmp_path / "truth.yaml", text)) == expected
    listed = text.replace("segments:\n", "")
    assert load_truth(written(tmp_path / "listed.yaml", listed)) == expected


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "", "no column end"),
        ("t.csv", "start,end\n0,1\n", "no column label"),
        ("t.csv", "start,end,label\n0,x,run\n", "line 2: 'x' is no time"),
        ("t.csv", "start,end,label\n0,1,run\n2,1,run\n", "line 3 lasts from 2 to 1 s"),
        ("t.csv", "start,end,label\n0,nan,run\n", "line 2 lasts from 0 to nan"),
        ("t.csv", "start,end,label\n-1,1,run\n", "lasts from -1"),
        ("t.csv", "start,end,label\n0,1,\n", "label is empty"),
        ("t.csv", "start,end,label\n0\n", "'end' is missing"),
        ("t.csv", "start,end,label\n0,1,\x1b[31mrun\n", r"line 2: '\\x1b\[31mrun' has control characters"),
        ("t.csv", "start,end,label,bag\n0,1,run,\x9b31m\n", r"line 2: '\\x9b31m' has control characters"),
        ("t.yaml", "{", "is not YAML"),
        ("t.yaml", "start: 1", "give a list of segments"),
        ("t.yaml", "- {start: 0, end: 1}", "segment 1: field 'label' is missing"),
        ("t.yaml", "- {start: 0, end: 1, label: run, who: me}", "field 'who' is unknown"),
        ("t.yaml", "- {start: a, end: 1, label: run}", "segment 1: start is 'a'"),
        ("t.yaml", "- {start: 0, end: 1, label: []}", "label is empty"),
        ("t.yaml", "- 7", "segment 1 holds 7"),
    ],
)
def test_a_wrong_truth_is_refused_with_its_line(tmp_path, name, text, said):
    with pytest.raises(ConfigurationError, match=said):
        load_truth(written(tmp_path / name, text))


@given(text=st.text(max_size=200), suffix=st.sampled_from([".csv", ".yaml"]))
def test_arbitrary_truth_files(tmp_path_factory, text, suffix):
    path = tmp_path_factory.mktemp("truth") / f"truth{suffix}"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        segments = load_truth(path)
    except ConfigurationError as error:
        assert str(path) in str(error)
    else:
        assert all(segment.start < segment.end and segment.label for segment in segments)


@given(st.lists(st.fixed_dictionaries({"start": st.floats(), "end": st.floats(), "label": st.text()}), max_size=5))
def test_arbitrary_segments(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("truth") / "truth.csv"
    lines = [f'{row["start"]},{row["end"]},"{row["label"].replace(chr(34), chr(34) * 2)}"' for row in rows]
    path.write_text("start,end,label\n" + "\n".join(lines), encoding="utf-8", errors="replace")
    try:
        assert all(0 <= segment.start < segment.end for segment in load_truth(path))
    except ConfigurationError as error:
        assert str(path) in str(error)


def test_times_count_from_the_first_image_or_are_stamps():
    assert Segment(1.5, 2, "run").stamps(T0) == (T0 + 1.5 * SECOND, T0 + 2 * SECOND)
    absolute = Segment(1700000001.25, 1700000002, "run", absolute=True)
    assert absolute.stamps(5) == (1700000001_250_000_000, 1700000002_000_000_000)


def test_whom_a_segment_concerns():
    assert Segment(0, 1, "run").concerns("one", "/a")
    assert Segment(0, 1, "run", "/a", "one").concerns("folder/one.mp4", "/a")
    assert Segment(0, 1, "run", "/a", "one.mp4").concerns("folder/one.mp4", "/a")
    assert not Segment(0, 1, "run", "/b").concerns("one", "/a")
    assert not Segment(0, 1, "run", bag="two").concerns("one", "/a")


def test_truth_names_are_classes_or_mapped_to_them():
    label_map = {"reading": ["read paper", "read book"], "tripping": "fall", "fallen": ["fall"], "sitting": "none"}
    classes = join(["reading", "run", "tripping", "fallen", "sitting", "none", "run"], LABELS, label_map)
    assert classes.names == ("reading", "run", "fall")
    expected = {"reading": 0, "run": 1, "tripping": 2, "fallen": 2, "sitting": None, "none": None}
    assert classes.of_label == expected
    assert classes.of_output == {"read paper": 0, "read book": 0, "run": 1, "fall": 2}


@pytest.mark.parametrize(
    ("truth", "label_map", "said"),
    [
        (
            ["running"],
            {},
            r"'running' is no class of net; map it .*name the network .*\(similar: 'run'",
        ),
        (["RUNNING"], {}, r"'RUNNING' is no class of net; map it .*\(similar: 'run'\)$"),
        (["alone"], {}, r"'alone' is no class of net; .*\(-p model:=NAME\)$"),
        (["a"], {"a": "fly"}, "'fly' is no class of net; fix the label map"),
        (["a"], {"a": []}, "gives no class to 'a'"),
        (["a", "b"], {"a": ["run", "walk"], "b": ["walk"]}, "gives 'walk' to 'a' and, with others, to 'b'"),
    ],
)
def test_names_that_cannot_be_joined_are_refused(truth, label_map, said):
    with pytest.raises(ConfigurationError, match=said):
        join(truth, LABELS, label_map, network="net")


@pytest.mark.parametrize("text", ["- a", "a: {b: c}", "a: 7", "a: [none, 7]", "1: run", "a: [null, run]", "{"])
def test_a_wrong_label_map_is_refused(tmp_path, text):
    path = written(tmp_path / "map.yaml", text)
    with pytest.raises(ConfigurationError, match=r"map\.yaml"):
        load_label_map(path)


def test_a_label_map(tmp_path):
    path = written(tmp_path / "map.yaml", "a: none\nb: [run, walk]\nc: run\nd:\n")
    assert load_label_map(path) == {"a": "none", "b": ["run", "walk"], "c": "run", "d": None}
    assert join(["d"], LABELS, load_label_map(path)).of_label["d"] is None


def test_what_does_not_fit_is_reported():
    segments = [
        Segment(0, 2, "run"),
        Segment(1, 3, "run", "/a", "one"),
        Segment(0, 12, "walk", "/b", "one"),
        Segment(4, 5, "flying", "/video", "two"),
        Segment(0, 1, "fall", "/c", "one"),
        Segment(0, 1, "fall", bag="three"),
        Segment(1.5, 2, "none", "/video"),
        Segment(T0 / SECOND - 5, T0 / SECOND, "fall", "/a", absolute=True),
        Segment(6, 7, "run", "/a", "one"),
        Segment(6, 7, "walk", "/a", "one"),
    ]
    found = list(problems(segments, SPANS, LABELS))
    expected = [
        "truth name 'flying'",
        "'walk' from 0 to 12 s of one /b is outside one, which lasts 10.00 s",
        "'fall' from 0 to 1 s of one /c: there is no such camera, only /a, /b; name it so, or write *",
        "'fall' from 0 to 1 s of three: there is no such recording, only one (cameras /a, /b), two.mp4; name it so, or",
        "'fall' from 1.7e+09 to 1.7e+09 s of /a is outside one",
        "'run' from 0 to 2 s overlaps 'run' from 1 to 3 s of one /a: the same label twice",
        "'run' from 0 to 2 s overlaps 'none' from 1.5 to 2 s of /video, but one says that nothing happens",
    ]
    assert len(found) == len(expected)
    for text, begin in zip(found, expected, strict=True):
        assert text.startswith(begin)
    assert not list(problems([segments[0], Segment(1, 3, "walk", "/a", "one")], SPANS, LABELS))


def test_labels_that_only_together_do_not_fit_are_reported():
    label_map = {"a": ["run", "walk"], "b": "walk"}
    found = list(problems([Segment(0, 1, "a"), Segment(2, 3, "b")], SPANS, LABELS, label_map))
    assert len(found) == 1
    assert "gives 'walk' to 'a'" in found[0]


def test_a_span_begins_with_the_first_image(tmp_path):
    bag = write_bag(tmp_path / "bag", [("/truth", CLASSIFICATION, T0 - SECOND, action("run", -1)), *series([1, 2, 3])])
    span = span_of("bag", open_recording(bag))
    assert span == Span("bag", (TOPIC,), T0, pytest.approx(3, abs=1e-6))


def test_segments_of_a_topic(tmp_path):
    said = [(0, "run", "cam01"), (1, "run", "cam01"), (2, "walk", "cam01"), (2, "fall", ""), (3, "", "cam01")]
    said += [(4, "fall", ""), (5, "run", "cam01"), (6, "run", "cam01")]
    items = [("/truth", CLASSIFICATION, T0 + s * SECOND, action(label, s, frame)) for s, label, frame in said]
    recording = open_recording(write_bag(tmp_path / "bag", [*items, *series([1])]))
    segments = segments_of_topic(recording.classifications("/truth"), "bag", {TOPIC: "cam01"})
    times = sorted((s.stamps(0)[0] - T0, s.stamps(0)[1] - T0, s.label, s.camera) for s in segments)
    assert [(start // SECOND, end // SECOND, label, camera) for start, end, label, camera in times] == [
        (0, 2, "run", TOPIC),
        (2, 3, "walk", TOPIC),
        (2, 4, "fall", ANY),
        (5, 6, "run", TOPIC),
    ]
    with pytest.raises(BagError, match="has no vision_msgs/msg/Classification on /other"):
        list(recording.classifications("/other"))


@pytest.mark.parametrize(
    ("frame_ids", "spoken_to", "expected"),
    [
        ({"/a": "", "/b": ""}, "", [ANY]),
        ({"/a": "", "/b": "right"}, "", [ANY]),
        ({"/a": "rig", "/b": "rig", "/c": "right"}, "rig", ["/a", "/b"]),
        ({"/a": "left", "/b": "right"}, "map", [ANY]),
    ],
)
def test_a_message_speaks_of_all_cameras_with_its_frame_id(tmp_path, frame_ids, spoken_to, expected):
    said = [("/truth", CLASSIFICATION, T0 + s * SECOND, action(label, s, spoken_to)) for s, label in enumerate("ab")]
    cameras = [item for topic, frame_id in frame_ids.items() for item in series([1], topic, frame_id=frame_id)]
    job = Job("bag", write_bag(tmp_path / "bag", [*said, *cameras]))
    header = {"recordings": [{"cameras": {topic: {"frame_id": frame_id} for topic, frame_id in frame_ids.items()}}]}
    assert [segment.camera for segment in Truth(topic="/truth").of([job], header)] == expected


def test_frame_ids_of_no_camera_are_kept_apart():
    """Each message holds until the next of its frame_id."""
    said = [Announced(T0, "", ("run",)), Announced(T0 + SECOND, "map", ()), Announced(T0 + 2 * SECOND, "", ())]
    [segment] = segments_of_topic(said, "bag", {"/a": "left"})
    assert segment.end - segment.start == 2


@pytest.mark.parametrize("name", ["truth.csv", "truth.yaml"])
def test_more_segments_than_memory_has_room_for_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(truth, "MOST_SEGMENTS", 3)
    rows = ["start,end,label", *["0,1,run"] * 4] if name.endswith(".csv") else ["- {start: 0, end: 1, label: run}"] * 4
    assert len(load_truth(written(tmp_path / name, "\n".join(rows[:-1])))) == 3
    with pytest.raises(ConfigurationError, match=r"(line 5|segment 4): that is segment 4; divide the file"):
        load_truth(written(tmp_path / name, "\n".join(rows)))


def test_a_file_that_is_too_long_is_refused_unread(tmp_path):
    path = tmp_path / "truth.csv"
    with path.open("w") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigurationError, match="more than 20000000 characters; divide it"):
        load_truth(path)


def test_a_map_that_unfolds_to_billions_is_refused(tmp_path):
    """Each mapping merges the one before ten times: ten lines take hours and all memory."""
    rows = [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 10)}]}}" for i in range(1, 11)]
    path = written(tmp_path / "map.yaml", "\n".join(["m0: &m0 {run: walk}", *rows]))
    with pytest.raises(ConfigurationError, match=r"map\.yaml: line 2 has the alias \*m0; write out what it means"):
        load_label_map(path)

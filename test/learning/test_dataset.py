import re
import shutil

import pytest
import yaml
from clips import moving, write_dataset, write_video
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ConfigurationError
from har_ros.learning.dataset import labels_of, load_dataset


def touch(folder, *names):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (number + 1))
    return folder


def groups(dataset):
    return {material.name: material.group for material in dataset.materials}


def test_folders_below_the_classes_are_groups(tmp_path):
    folder = touch(tmp_path, "wave/ann/1.mp4", "wave/bob/1.mp4", "none/ann/10.mp4", "none/ann/9.mp4")
    dataset = load_dataset(folder)
    assert groups(dataset) == {
        "none/ann/9.mp4": "ann",
        "none/ann/10.mp4": "ann",
        "wave/ann/1.mp4": "ann",
        "wave/bob/1.mp4": "bob",
    }
    assert [m.name for m in dataset.materials] == [
        "none/ann/9.mp4",
        "none/ann/10.mp4",
        "wave/ann/1.mp4",
        "wave/bob/1.mp4",
    ]
    assert labels_of(dataset.materials) == ["wave", "none"]


def test_sources_csv_names_the_groups_of_a_folder(tmp_path):
    folder = touch(tmp_path, "wave/1.mp4", "wave/2.mp4", "none/1.mp4")
    (folder / "sources.csv").write_text("clip,source\nwave/1.mp4,a\nwave/2.mp4,b\nnone/1.mp4,a\n")
    dataset = load_dataset(folder)
    assert groups(dataset) == {"none/1.mp4": "a", "wave/1.mp4": "a", "wave/2.mp4": "b"}
    assert dataset.grouping == "the sources in sources.csv"
    assert set(groups(load_dataset(folder, "(wave|none)")).values()) == {"wave", "none"}


@pytest.mark.parametrize(
    "text", ["clip,source\nwave/1.mp4,a\n", "clip,source\nwave/1.mp4,a\nwave/2.mp4,\nnone/1.mp4,b\n"]
)
def test_a_clip_without_a_source_is_named(tmp_path, text):
    folder = touch(tmp_path, "wave/1.mp4", "wave/2.mp4", "none/1.mp4")
    (folder / "sources.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=r"sources\.csv has no source of (none/1|wave/2)\.mp4; add a row"):
        load_dataset(folder)


def test_the_last_number_of_a_name_is_not_part_of_its_group(tmp_path):
    names = [f"{label}/s{subject}_walk_{clip}.mp4" for label in "ab" for subject in (1, 2) for clip in (1, 2)]
    assert set(groups(load_dataset(touch(tmp_path, *names))).values()) == {"s1_walk", "s2_walk"}


def test_numbered_clips_are_grouped_with_their_neighbours(tmp_path):
    names = [f"{label}/{number:03d}.mp4" for label in "ab" for number in range(1, 101)]
    found = groups(load_dataset(touch(tmp_path, *names)))
    assert found == {name: f"block {(int(name[2:5]) - 1) // 10 + 1}" for name in names}


def test_few_numbered_clips_still_have_five_groups(tmp_path):
    names = [f"{label}/{number}.mp4" for label in "ab" for number in range(1, 13)]
    assert len(set(groups(load_dataset(touch(tmp_path, *names))).values())) == 6


@given(st.sampled_from([r"s(\d)", r"s\d", "."]))
def test_a_pattern_tells_the_group(tmp_path_factory, pattern):
    folder = touch(tmp_path_factory.mktemp("set"), "a/s1.mp4", "b/s2.mp4")
    expected = {r"s(\d)": {"1", "2"}, r"s\d": {"s1", "s2"}, ".": {"a", "b"}}[pattern]
    assert set(groups(load_dataset(folder, pattern)).values()) == expected


def test_segments_beside_their_recordings(tmp_path):
    touch(tmp_path, "one.mp4", "two.mp4")
    (tmp_path / "set.csv").write_text(
        "video,person,start,end,label\none,ann,0,1,Wave\ntwo.mp4,bob,0,1,Sit\none,,2,3,Sit\n"
    )
    assert groups(load_dataset(tmp_path / "set.csv")) == {"one": "one", "two.mp4": "two.mp4"}
    found = load_dataset(tmp_path / "set.csv", column="person", label_map={"Wave": "waving", "Sit": None})
    assert groups(found) == {"one": "ann", "two.mp4": "bob"}
    assert labels_of(found.materials) == ["waving", "none"]
    assert found.materials[0].path == tmp_path / "one.mp4"


def test_a_recording_under_two_names_is_one(tmp_path):
    touch(tmp_path, "one.mp4")
    (tmp_path / "set.csv").write_text('video,start,end,label\none,0,1,Wave\none.mp4,2,3,"sit\n down"\n')
    [material] = load_dataset(tmp_path / "set.csv").materials
    assert [segment.label for segment in material.segments] == ["Wave", "sit down"]


def refused(call, *parts):
    with pytest.raises(ConfigurationError) as error:
        call()
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_dataset_is_refused(tmp_path):
    refused(lambda: load_dataset(tmp_path / "nowhere.csv"), "nowhere.csv does not exist; give")
    (tmp_path / "notes.txt").touch()
    refused(lambda: load_dataset(tmp_path / "notes.txt"), "notes.txt is no dataset; give")
    refused(lambda: load_dataset(touch(tmp_path / "a", "walk/1.mp4")), "1 class folder;")
    refused(lambda: load_dataset(touch(tmp_path / "b", "walk/1.mp4", "sit/1.txt")), "sit", "no videos")
    refused(lambda: load_dataset(touch(tmp_path / "c", "Walk/1.mp4", "walk/2.mp4")), "'Walk'", "'walk'", "case")
    refused(lambda: load_dataset(touch(tmp_path / "d", "a/1.mp4", "a/g/2.mp4", "b/1.mp4")), "a/1.mp4", "group")
    folder = touch(tmp_path / "e", "a/1.mp4", "b/1.mp4")
    refused(lambda: load_dataset(folder, "("), "'('", "regular expression")
    refused(lambda: load_dataset(folder, "z"), "a/1.mp4", "does not match")
    refused(lambda: load_dataset(folder, column="person"), "no column 'person'")
    refused(lambda: load_dataset(folder, label_map={"a": ["x", "y"]}), "'a'", "several classes")


def test_a_folder_that_looks_like_a_class_is_doubted(tmp_path, caplog):
    clips = ["cam01/1.mp4", "cam02/1.mp4"]
    actions = touch(tmp_path / "actions", *(f"{label}/{clip}" for label in ("alone", "helped") for clip in clips))
    load_dataset(actions)
    split = touch(tmp_path / "split", *(f"{part}/{label}/1.mp4" for part in ("train", "test") for label in "ab"))
    load_dataset(split / "train")
    load_dataset(touch(tmp_path / "steps", "step1/1.mp4", "step2/1.mp4"))
    assert not caplog.messages
    load_dataset(actions / "alone")
    expected = f"the classes are cam01, cam02, and helped beside alone has them, too; if alone is one of .* {actions}$"
    assert re.match(expected, *caplog.messages)


def test_classes_without_videos_are_named_where_others_have_some(tmp_path):
    folder = touch(tmp_path / "a", "walk/1.mp4", "sit/1.txt", "lie/.1.mp4")
    dataset = load_dataset(folder, with_empty=True)
    assert [material.name for material in dataset.materials] == ["walk/1.mp4"]
    assert [text.partition(" has no videos (.mp4")[0] for text in dataset.empty] == [
        str(folder / "lie"),
        str(folder / "sit"),
    ]
    refused(lambda: load_dataset(touch(tmp_path / "b", "sit/1.txt", "lie/2.txt"), with_empty=True), "lie", "no videos")


def test_the_same_clip_in_two_classes_is_refused(tmp_path):
    folder = write_dataset(tmp_path)
    shutil.copy(folder / "red/g0/0.avi", folder / "blue/g1/copy.avi")
    refused(lambda: load_dataset(folder), "red/g0/0.avi", "blue/g1/copy.avi", "two classes")


def test_the_same_clip_twice_in_one_class_is_not(tmp_path):
    folder = write_dataset(tmp_path)
    shutil.copy(folder / "red/g0/0.avi", folder / "red/g1/copy.avi")
    assert len(load_dataset(folder).materials) == 25


def test_wrong_segments_are_refused(tmp_path):
    path = tmp_path / "set.csv"
    write_video(tmp_path / "one.avi", moving())
    for text, column, part in (
        ("video,start,end,label\nnowhere.avi,0,1,a\n", "", "nowhere.avi"),
        ("start,end,label\n0,1,a\n", "", "names no recording"),
        ("file,person,start,end,label\none.avi,ann,0,1,a\none.avi,bob,1,2,a\n", "person", "names no recording"),
        ("video,start,end,label\n", "", "no segments"),
        ("video,start,end,label\none.avi,0,1,a\n", "person", "no column 'person'"),
        ("video,person,start,end,label\none.avi,,0,1,a\n", "person", "one.avi"),
        ("video,person,start,end,label\none.avi,ann,0,1,a\none.avi,bob,1,2,a\n", "person", "ann"),
    ):
        path.write_text(text)
        refused(lambda column=column: load_dataset(path, column=column), part)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "start": st.one_of(st.floats(), st.text(max_size=5)),
            "end": st.floats(),
            "label": st.text(max_size=5),
            "bag": st.sampled_from(["one.avi", "*", "", "\0", "../x"]),
        }
    ),
    max_size=4,
)


@given(ROWS)
def test_any_segments_are_a_dataset_or_refused_with_a_sentence(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    (folder / "one.avi").write_bytes(b"x")
    (folder / "set.yaml").write_text(yaml.safe_dump(rows))
    try:
        found = load_dataset(folder / "set.yaml")
    except ConfigurationError as error:
        assert str(error)
    else:
        assert [material.name for material in found.materials] == ["one.avi"]


def test_links_to_clips_and_class_folders_are_followed_and_no_others(tmp_path):
    """A split of a data set is often made of links; one that leads back up must not be walked for ever."""
    data, store = tmp_path / "data", tmp_path / "store"
    for folder in (data / "waving", store / "falling", store / "deeper"):
        folder.mkdir(parents=True)
    for number in range(3):
        (store / f"wave{number}.mp4").write_bytes(b"w%d" % number)
        (data / "waving" / f"wave{number}.mp4").symlink_to(store / f"wave{number}.mp4")
        (store / "falling" / f"fall{number}.mp4").write_bytes(b"f%d" % number)
    (store / "deeper" / "more.mp4").write_bytes(b"m")
    (data / "falling").symlink_to(store / "falling")
    (data / "waving" / "loop").symlink_to(data)
    (data / "waving" / "deeper").symlink_to(store / "deeper")
    names = [material.name for material in load_dataset(data).materials]
    assert names == [f"falling/fall{n}.mp4" for n in range(3)] + [f"waving/wave{n}.mp4" for n in range(3)]

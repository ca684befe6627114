"""Datasets as folders: safe names, what they hold, and when it changed."""

import os
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi import HTTPException

from har_ros.errors import ConfigurationError
from har_ros.service.teaching import datasets
from har_ros.service.teaching.datasets import checked_name, file_name

NAMES = st.one_of(
    st.text(),
    st.sampled_from([".", "..", "../x", "..\\x", "a/b", "/etc", "nul", "COM1.txt", "a\0b", "a" * 300, "a ", " a", ""]),
)


@given(NAMES)
@example("wave\u0000")
@example("\u202eevil")
@example("\ud800")
@example("ﬁ..")
def test_a_name_is_that_of_a_folder_within_another_or_is_refused(name):
    try:
        found = checked_name("a class", name)
    except HTTPException as error:
        assert error.status_code == 422
        return
    place = Path("/a/b")
    assert (place / found).resolve().parent == place
    assert PureWindowsPath(found).name == found
    assert not PureWindowsPath(found).is_reserved()
    assert not set(found) & set('<>:"|?*/\\\0')
    assert found == found.strip(" .")
    assert len(f".{found}.12345678.part".encode()) <= 255
    assert checked_name("a class", found) == found


@given(st.one_of(st.text(), st.binary().map(lambda name: name.decode(errors="surrogateescape")), NAMES))
def test_a_clip_has_a_safe_name_whatever_its_file_was_called(name):
    found = file_name(name)
    assert Path(found).name == found
    assert found not in (".", "..")
    assert 0 < len(f"{found}-12.mp4".encode()) <= 255


def test_a_dataset_knows_when_its_clips_changed(tmp_path):
    (tmp_path / "own").mkdir()
    mine = datasets.Datasets(tmp_path / "own", tmp_path / "made", None).add("mine")
    mine.add_class("wave")
    (tmp_path / "a.mp4").touch()
    changes = [
        lambda: mine.add_clip("wave", "", "a.mp4", tmp_path / "a.mp4"),
        lambda: mine.remove_clip("wave", mine.of_class("wave")[0].id),
        lambda: mine.remove_class("wave"),
    ]
    for change in changes:
        for place in (mine.clips, *mine.clips.rglob("*")):
            os.utime(place, (1000, 1000))
        assert mine.changed() == 1000
        change()
        assert mine.changed() > 1000


def test_a_dataset_has_no_more_clips_than_it_may_whoever_sends_them_at_once(tmp_path, monkeypatch):
    """Each was let in when there was room, and is decoded before it comes to its place."""
    monkeypatch.setattr(datasets, "MOST_CLIPS", 1)
    (tmp_path / "own").mkdir()
    mine = datasets.Datasets(tmp_path / "own", tmp_path / "made", None).add("mine")
    mine.add_class("wave")
    for name in ("a.mp4", "b.mp4"):
        mine.refuse_clips("wave")
        (tmp_path / name).touch()
    mine.add_clip("wave", "", "a.mp4", tmp_path / "a.mp4")
    with pytest.raises(HTTPException, match="the most that a dataset has"):
        mine.add_clip("wave", "", "b.mp4", tmp_path / "b.mp4")
    assert [clip.name for clip in mine.of_class("wave")] == ["a/a.mp4"]


@pytest.mark.parametrize("inner", ["fights", "fights/calm"])
def test_a_dataset_where_a_folder_of_datasets_belongs_is_refused(tmp_path, inner):
    (tmp_path / "fights" / "calm").mkdir(parents=True)
    (tmp_path / "fights" / "calm" / "1.mp4").touch()
    (tmp_path / "own").mkdir()
    assert "fights" in datasets.Datasets(tmp_path / "own", tmp_path / "made", tmp_path).all()
    with pytest.raises(ConfigurationError, match=rf"videos directly in .*calm, .* lies, {tmp_path} \("):
        datasets.Datasets(tmp_path / "own", tmp_path / "made", tmp_path / inner)


def test_folders_that_cannot_be_read_are_no_datasets(tmp_path, monkeypatch):
    """Such as lost+found, at the top of a disk."""
    for name in ("own", "given/lost+found", "given/mine/wave", "closed"):
        (tmp_path / name).mkdir(parents=True)
    content = Path.iterdir

    def listed(folder):
        if folder.name in ("lost+found", "closed"):
            raise PermissionError(13, "Permission denied", str(folder))
        return content(folder)

    monkeypatch.setattr(Path, "iterdir", listed)
    found = datasets.Datasets(tmp_path / "own", tmp_path / "made", tmp_path / "given").all()
    assert {name: dataset.content() for name, dataset in found.items()} == {"mine": {"wave": []}}
    for name in ("closed", "nowhere"):
        with pytest.raises(ConfigurationError, match=f"{name} is no folder that can be read; give one"):
            datasets.Datasets(tmp_path / "own", tmp_path / "made", tmp_path / name)

"""What goes wrong when a network is taught."""

import csv
import errno
import json
import shutil
from pathlib import Path

import pytest
from clips import COLOURS, moving, write_dataset, write_video
from pages import check_page

from har_ros.backends.backend import BackendSettings
from har_ros.learning import embed
from har_ros.learning.table import FORMULA
from har_ros.pipeline.recognizer import Recognizer


def test_what_cannot_be_read_is_left_out_and_named(teach, dataset, tmp_path, capfd):
    folder = tmp_path / "set"
    shutil.copytree(dataset, folder)
    (folder / "red/g0/broken.avi").write_bytes(b"RIFF" + bytes(300))
    (folder / "red/g1/empty.avi").write_bytes(b"")
    write_video(folder / "blue/g1/single.avi", moving(frames=1))
    taught = teach(dataset=folder)
    left_out = json.loads((taught / "metrics.json").read_text())["left_out"]
    assert "Only clips that could be used count" in (taught / "report.html").read_text()
    said = capfd.readouterr().err
    assert "24 recordings, 0 of which in the cache" in said
    for name in ("broken.avi", "empty.avi", "single.avi"):
        assert sum(name in text for text in left_out) == 1
        assert f"left out: {next(text for text in left_out if name in text)}" in said


@pytest.mark.parametrize("change", ["file", "folder", "model", "notes"])
def test_what_is_there_is_not_overwritten(teach, tmp_path, capfd, change):
    place = tmp_path / "taught"
    if change == "file":
        place.write_text("mine")
    elif change == "folder":
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    else:
        teach()
    if change == "notes":
        (place / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in [place, *place.rglob("*")] if path.is_file()}
    teach(status=1)
    assert {path: path.read_bytes() for path in [place, *place.rglob("*")] if path.is_file()} == before
    assert str(place) in capfd.readouterr().err
    if change in ("folder", "notes"):
        teach("--overwrite", status=1)
        assert (place / "mine.txt").exists() or (place / "notes.txt").exists()


def test_a_full_disk_leaves_nothing_and_keeps_the_embeddings(teach, tmp_path, monkeypatch, capfd):
    before = {path.name: path.read_bytes() for path in teach().iterdir()}
    write = Path.write_bytes

    def full(path, data):
        if path.name == "network.onnx":
            write(path, data[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        folder = teach("--overwrite", status=1)
    said = capfd.readouterr().err
    assert str(folder) in said
    assert "No space left" in said
    assert "make room" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["taught"]


def test_an_interrupted_run_leaves_nothing_and_goes_on(teach, tmp_path, monkeypatch, own_cache, capfd):
    looked_at = []
    compute = embed.ImageEmbedder._computed

    def counted(self, recording):
        if len(looked_at) == 10:
            raise KeyboardInterrupt
        looked_at.append(recording.path)
        return compute(self, recording)

    monkeypatch.setattr(embed.ImageEmbedder, "_computed", counted)
    teach(status=130)
    assert list(tmp_path.glob("taught*")) == []
    assert "resumes from here" in capfd.readouterr().err
    monkeypatch.setattr(embed.ImageEmbedder, "_computed", lambda self, r: looked_at.append(r.path) or compute(self, r))
    teach()
    assert len(looked_at) == len(set(looked_at)) == 24


def test_near_duplicates_join_groups_and_are_told(teach, tmp_path, capfd):
    folder = tmp_path / "set"
    for number, label in enumerate(("red", "blue")):
        for clip in range(6):
            pictures = moving(COLOURS[label], frames=24, seed=40 * number + clip, size=64)
            write_video(folder / label / f"g{clip}" / "clip.avi", pictures)
    copied = [picture[:, ::-1] for picture in moving(COLOURS["red"], frames=24, seed=0, size=64)]
    write_video(folder / "red/g5/copy.avi", copied)
    measured = json.loads((teach(dataset=folder) / "metrics.json").read_text())
    [pair] = measured["duplicates"]
    assert pair["across_groups"]
    assert not pair["across_classes"]
    assert "red/g0/clip.avi and red/g5/copy.avi are near-duplicates, mirrored in two groups" in capfd.readouterr().out
    assert measured["groups"] == 5


def test_a_class_that_no_label_file_can_have_is_refused_before_any_work(teach, tmp_path, capfd):
    folder = write_dataset(tmp_path / "set", {"\x1b[31mred": COLOURS["red"], "blue": COLOURS["blue"]})
    teach(dataset=folder, status=1)
    said = capfd.readouterr().err
    assert "the label '\\x1b[31mred' has control characters" in said
    assert "\x1b" not in said


def test_any_name_can_be_a_class(teach, tmp_path, capfd):
    """Also one that would like to be markup, or a formula."""
    names = {"[red] <b>": COLOURS["red"], '=1+日本 é, "x"': COLOURS["blue"], "none": COLOURS["none"]}
    folder = teach(dataset=write_dataset(tmp_path / "set", names))
    said = capfd.readouterr().out
    with Recognizer.open(str(folder), BackendSettings("openvino", "f32")) as recognizer:
        assert set(recognizer.labels) == set(names)
    assert all(name in said for name in names)
    text = (folder / "report.html").read_text()
    check_page(text)
    assert "&lt;b&gt;" in text
    cells = [cell for row in csv.reader((folder / "clips.csv").open()) for cell in row]
    assert cells.count("[red] <b>") >= 9
    assert cells.count('\'=1+日本 é, "x"') >= 9
    assert not [cell for cell in cells if cell.startswith(FORMULA)]


def test_what_cannot_be_drawn_costs_no_network(teach, monkeypatch, caplog):
    monkeypatch.setattr("har_ros.learning.report.reliability_of", lambda rows: 1 / 0)
    folder = teach()
    assert "report.html cannot be drawn (ZeroDivisionError" in caplog.text
    assert {path.name for path in folder.iterdir()} >= {"network.onnx", "metrics.json", "clips.csv"}

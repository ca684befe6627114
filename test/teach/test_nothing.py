"""What is none of the classes: unlike what was taught, in a background, or mined from recordings of nothing."""

import json
import re

import numpy as np
import pytest
from clips import COLOURS, first_answer, moving, write_video
from onnx import numpy_helper

from har_ros.backends.backend import BackendSettings
from har_ros.errors import HarError
from har_ros.graphs.onnx_file import load_onnx
from har_ros.learning.background import read_background
from har_ros.models.locate import find_model
from har_ros.pipeline.recognizer import Recognizer

CPU = BackendSettings("openvino", "f32")
TWO = ("red", "blue")
GREEN = (40, 220, 40)


@pytest.fixture
def two_classes(dataset, tmp_path):
    """The clips of two classes without any of none."""
    folder = tmp_path / "two"
    folder.mkdir()
    for label in TWO:
        (folder / label).symlink_to(dataset / label)
    return folder


def said(folder, colour, seed=99):
    with Recognizer.open(str(folder), CPU) as recognizer:
        return first_answer(recognizer, colour, seed=seed)


def test_a_network_without_clips_of_none_says_none_of_what_it_does_not_know(teach, two_classes, capsys):
    folder = teach(dataset=two_classes)
    assert (folder / "labels.txt").read_text().split() == ["blue", "red", "none"]
    assert [said(folder, colour) for colour in (COLOURS["red"], COLOURS["blue"])] == ["red", "blue"]
    assert said(folder, GREEN) == "none"
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["background"] == {"name": "off", "windows": {}, "left_out": [], "nothing": None}
    report = words_of(folder)
    assert f">none</td><td>0</td><td>0</td>{3 * '<td>–</td>'}</tr>" in report
    assert 'No clip here is of none: it is said of <a href="#none">' in report
    table = capsys.readouterr().out
    assert re.search(r"none +0 +0 +– +– +–", table)
    assert "none: no clip here is of it; it is said of what is unlike all taught clips" in table
    assert "No background was taught." in report
    assert "No recordings of nothing were given" in report
    assert "recordings of nothing</td><td>not given" in report
    assert "frames of a window</td><td>8, as in the card" in report
    assert "mirror images taught, too</td><td>yes" in report
    assert "between segments" not in report


def test_what_workers_could_not_look_at_is_not_looked_at_again(teach, two_classes, tmp_path, monkeypatch, capfd):
    for number in range(2):
        write_video(tmp_path / "quiet" / f"{number}.avi", moving(GREEN, frames=32, seed=number))
    error = HarError("0.avi is damaged; leave it out")

    def looked(embedder, paths, workers, show):
        return {path: error if path.stem == "0" else None for path in paths}

    monkeypatch.setattr("har_ros.teach.nothing.look_elsewhere", looked)
    folder = teach("--nothing", tmp_path / "quiet", dataset=two_classes)
    assert capfd.readouterr().err.count("left out: 0.avi is damaged") == 1
    assert json.loads((folder / "metrics.json").read_text())["background"]["nothing"]["windows"] == 7


def test_windows_of_nothing_that_look_like_a_class_are_mined_and_can_be_given_again(
    teach, two_classes, teachable_card, tmp_path, capfd
):
    reddish = (45, 40, 195)
    for number in range(4):
        write_video(tmp_path / "quiet" / f"{number}.avi", moving(reddish, frames=32, seed=number))
    before = teach(dataset=two_classes)
    assert said(before, reddish) == "red"
    after = teach("--overwrite", "--nothing", tmp_path / "quiet", dataset=two_classes)
    assert said(after, reddish) == "none"
    assert said(after, COLOURS["blue"]) == "blue"
    told = capfd.readouterr().err
    assert "of nothing would be an action" in told
    mined = read_background(after / "background.npz", find_model(str(teachable_card)), 8, 8)
    assert set(mined.kinds) == {"nothing"}
    measured = json.loads((after / "metrics.json").read_text())["background"]["nothing"]
    assert measured == {
        "folder": str(tmp_path / "quiet"),
        "recordings": 4,
        "windows": 4 * 7,  # of 32 images, one of 8 every 4
        "mined": len(mined.kinds),
    }
    assert f"Of 28 windows in 4 recordings of nothing ({tmp_path / 'quiet'}), {len(mined.kinds)} were" in words_of(
        after
    )
    weights = taught_weights(after)
    again = teach("--overwrite", "--background", after / "background.npz", dataset=two_classes)
    np.testing.assert_allclose(taught_weights(again), weights, rtol=1e-2, atol=1e-2)
    assert f"The background {after / 'background.npz'}: {len(mined.kinds)} windows of nothing." in words_of(again)


def words_of(folder):
    return " ".join((folder / "report.html").read_text().split())


def taught_weights(folder):
    constants = {one.name: numpy_helper.to_array(one) for one in load_onnx(folder / "network.onnx").graph.initializer}
    return constants["taught/weights"]


@pytest.mark.parametrize("there", ["missing", "empty", "text"])
def test_a_folder_without_recordings_is_refused(teach, two_classes, tmp_path, capfd, there):
    place = tmp_path / "quiet"
    if there != "missing":
        place.mkdir()
    if there == "text":
        (place / "notes.txt").write_text("quiet")
    teach("--nothing", place, dataset=two_classes, status=1)
    assert f"--nothing {place}" in capfd.readouterr().err.replace("\n", " ")

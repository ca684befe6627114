"""`actionnet dataset check` and `dataset show`."""

import shutil

import cv2
import numpy as np
import pytest
from clips import COLOURS, moving, teachable, write_dataset, write_video

from har_ros.commands.main import main as actionnet


@pytest.fixture
def small(tmp_path, own_cache):
    return str(teachable(tmp_path))


def check(dataset, small, tmp_path, capsys, *options):
    given = ["--model", small, "--backend", "openvino", "--sheet", str(tmp_path / "sheet.png"), *options]
    status = actionnet(["dataset", "check", str(dataset), *given])
    said = capsys.readouterr()
    return status, said.out + said.err


def test_a_dataset_without_faults_passes(tmp_path, small, capsys):
    folder = write_dataset(tmp_path / "set", groups=5, each=1)
    status, said = check(folder, small, tmp_path, capsys)
    assert status == 0, said
    assert "red: 5 clips in 5 groups" in said
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape[1] == 6 * 192
    row = sheet.shape[0] // 3
    for number, label in enumerate(("blue", "red", "none")):  # each class's pictures in its own colour
        picture = sheet[number * row + 30 + 72, 20:170].reshape(-1, 3).mean(axis=0)
        assert abs(picture - COLOURS[label]).max() < 60, label


def test_what_can_be_taught_passes_with_remarks(tmp_path, small, capsys):
    folder = write_dataset(tmp_path / "set", groups=4, each=2)
    status, said = check(folder, small, tmp_path, capsys)
    assert "red has 4 groups; add sources" in said
    assert "nothing stands in the way of teaching; it would gain by the above" in said
    assert status == 0


def test_what_teaching_cannot_divide_does_not_pass(tmp_path, small, capsys):
    folder = write_dataset(tmp_path / "set", groups=2, each=1)
    for file in (folder / "blue/g1").iterdir():
        file.unlink()
    for file in (folder / "blue/g0").iterdir():
        shutil.copy(file, folder / "blue/g1")
    status, said = check(folder, small, tmp_path, capsys)
    assert "cannot be divided so that every class is on both sides" in said
    assert (status, "nothing stands in the way" in said) == (1, False)


def test_all_faults_are_found(tmp_path, small, capsys):
    folder = write_dataset(tmp_path / "set", groups=5, each=2)
    (folder / "nobody yet").mkdir()
    (folder / "red/notes\x1b[31m.txt").write_text("x")
    (folder / "red/g0/broken.avi").write_bytes(b"RIFF" + bytes(100))
    write_video(folder / "few/a/1.avi", moving(seed=77))
    write_video(folder / "few/b/1.avi", moving(seed=78), rate=2.0)
    copied = [picture[:, ::-1] for picture in moving(COLOURS["red"], seed=10)]
    write_video(folder / "blue/g0/copy.avi", copied)
    write_video(folder / "red/g1/night.avi", [np.full((48, 48, 3), 6, np.uint8)] * 12)
    status, said = check(folder, small, tmp_path, capsys)
    assert status == 1
    for part in (
        "nobody yet has no videos",
        "notes\ufffd[31m.txt is no video",
        "broken.avi",
        "few has 2 clips",
        "few has 2 groups",
        "1 recording with less than half",
        "few/b/1.avi",
        "in two classes",
        "1 clip dark, down to a mean of",
        "of 255 in red/g1/night.avi",
    ):
        assert part in said, part
    assert "\x1b" not in said


def test_what_the_network_sees_is_drawn(tmp_path, small, capsys):
    folder = write_dataset(tmp_path / "set")
    picture = tmp_path / "seen.png"
    given = ["dataset", "show", str(folder), "--model", small, "-o", str(picture), "--clips", "1", "--augmented", "1"]
    assert actionnet(given) == 0
    sheet = cv2.imread(str(picture))
    rows = 3 * 3  # classes × as it is, mirrored, augmented
    height = 30 + 144 + 34
    assert sheet.shape == (rows * height, 8 * 192, 3)
    plain, mirrored = (sheet[start + 30 : start + 174, :192] for start in (0, height))
    assert abs(plain[:, ::-1].astype(int) - mirrored.astype(int)).mean() < 1
    assert abs(plain.astype(int) - mirrored.astype(int)).mean() > 1
    assert str(picture) in capsys.readouterr().out

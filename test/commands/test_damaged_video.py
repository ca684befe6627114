"""What commands make of a video of which a place cannot be decoded."""

import json

import av
import pytest
from bags import lines as window_rows
from clips import write_dataset
from damaged_videos import COUNT, RATE, damage, write_numbered

from har_ros.commands.main import main
from har_ros.frames.sampling import SECOND

PLACE = "1 place of {} could not be decoded, the first at 1.68 s; the results of the rest are valid"


@pytest.fixture
def recognised(brightness_card, capsys):
    """Return the lines of what is recognised in a video, and what is said."""

    def recognise(video, *options):
        assert main([str(video), *map(str, options), "--network", str(brightness_card), "--json"]) == 1
        shown = capsys.readouterr()
        return [json.loads(line) for line in shown.out.splitlines()], shown.err

    return recognise


def frames_of(video):
    with av.open(str(video)) as container:
        return container.streams.video[0].frames


def test_the_rest_is_recognised_at_its_times(recognised, tmp_path):
    video, output = damage(write_numbered(tmp_path / "a.mkv"), 42), tmp_path / "out.mp4"
    lines, said = recognised(video, output)
    assert said.count("could not be decoded") == said.count(PLACE.format(video)) == 1
    assert lines[-1]["frame"] == COUNT - 1
    assert lines[-1]["end"] == (COUNT - 1) / RATE
    assert frames_of(output) == COUNT


def test_of_a_clip_shorter_than_a_window_what_can_be_decoded_is_played_again(recognised, tmp_path):
    video, output = damage(write_numbered(tmp_path / "a.avi", count=4), 2), tmp_path / "out.mp4"
    lines, said = recognised(video, output)
    assert (len(lines), said.count("1 place of")) == (1, 1)
    assert frames_of(output) == 4


def test_of_too_little_the_damage_is_said(recognised, tmp_path):
    lines, said = recognised(damage(write_numbered(tmp_path / "a.avi", count=3), 0, 1))
    assert (lines, said.count("1 place of")) == ([], 1)
    assert "is too short" not in said


def test_an_evaluation_has_the_rest_and_says_it(brightness_card, tmp_path, capsys):
    video, folder = damage(write_numbered(tmp_path / "a.mp4"), 42), tmp_path / "results"
    assert main(["evaluate", str(video), "-o", str(folder), "-p", f"model:={brightness_card}"]) == 1
    assert capsys.readouterr().err.count(PLACE.format(video)) == 1
    assert max(row["end"] for row in window_rows(folder)[1:]) == (COUNT - 1) * SECOND // RATE


def test_a_damaged_recording_is_left_out_of_teaching(teachable_card, tmp_path, capsys):
    write_dataset(tmp_path, groups=2, each=1)
    video = damage(write_numbered(tmp_path / "red" / "g0" / "damaged.mp4"), 42)
    main(["dataset", "check", str(tmp_path), "--model", str(teachable_card), "--sheet", str(tmp_path / "sheet.png")])
    shown = capsys.readouterr()
    assert f"left out: {PLACE.format(video)}" in shown.err + shown.out

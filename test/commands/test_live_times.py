"""`actionnet CAMERA`: the times in the terminal, the annotated copy and the file of events."""

import json
import re
import time
from types import SimpleNamespace

import av
import pytest
from bags import SECOND
from pictures import picture

from har_ros.commands.main import main
from har_ros.commands.shared import recognize
from har_ros.recordings import source
from har_ros.recordings.source import Source

START = 1_700_000_000 * SECOND
MILLISECONDS = [*range(0, 480, 40), *range(5480, 6680, 100)]
"""When the images come: 25 a second, and after 5 seconds 10 a second."""
EVENTS = ("--event-start", "0.1", "--event-end", "0.1", "--event-min-duration", "0")


@pytest.fixture
def camera(monkeypatch, brightness_card):
    """A function that runs the command with a camera whose images never wait. Class "fourth" leads in all windows."""
    stamps = iter([START + time * 1_000_000 for time in MILLISECONDS])
    monkeypatch.setattr(source, "time", SimpleNamespace(time_ns=stamps.__next__))
    monkeypatch.setattr(Source, "waiting", False)
    pictures = (picture(10 * number) for number in range(len(MILLISECONDS)))
    monkeypatch.setattr(recognize, "open_source", lambda *_: Source("camera", pictures, 25.0, 0, live=True))
    monkeypatch.delenv("DISPLAY", raising=False)
    model = ("--model", str(brightness_card), "--precision", "f32", "--sample-rate", "10")
    return lambda *options: main(["0", *map(str, options), *model])


def seconds(text):
    """Return the seconds of a subtitle's times, 00:00:05,480."""
    clocks = re.findall(r"(\d+):(\d+):(\d+),(\d+)", text)
    return [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in clocks]


def clock(second):
    return time.strftime("%H:%M:%S", time.localtime(START // SECOND + int(second)))


def test_copy_subtitles_and_terminal_count_from_the_first_image(camera, tmp_path, capsys):
    copy, events = tmp_path / "out.mp4", tmp_path / "events.srt"
    assert camera(copy, "--events", events, *EVENTS) == 0
    with av.open(str(copy)) as container:
        assert [round(1000 * frame.time) for frame in container.decode(video=0)] == MILLISECONDS
    first_start, first_end, start, end = seconds(events.read_text())
    assert 0 <= first_start < first_end <= 0.44
    assert 5.48 <= start < end <= MILLISECONDS[-1] / 1000
    said = capsys.readouterr().out.splitlines()
    assert [line[:13] for line in said] == ["frame      6 ", *["event started", "event ended  "] * 2]
    assert said[0] == f"frame      6      0.24 s  {clock(0)}  fourth 0.87"
    assert said[3].startswith(f"event started     {start:.2f} s  {clock(start)}  fourth")
    assert f" {start:.2f} s  {clock(start)} to {end:.2f} s  {clock(end)}  fourth 0." in said[4]


def test_json_has_lines_of_windows_and_of_events_as_they_start_and_end(camera, tmp_path, capsys):
    events = tmp_path / "events.json"
    assert camera("--json", "--events", events, *EVENTS) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "frame" in said[0]
    assert all(("frame" in line) != ("state" in line) for line in said)
    told = [line for line in said if "state" in line]
    assert [(line["id"], line["state"]) for line in told] == [
        ("_1", "started"),
        ("_1", "ended"),
        ("_2", "started"),
        ("_2", "ended"),
    ]
    ended = [{key: value for key, value in line.items() if key not in ("id", "state")} for line in told[1::2]]
    assert ended == json.loads(events.read_text())["events"]


def test_without_a_file_of_events_all_lines_of_json_are_those_of_windows(camera, capsys):
    assert camera("--json") == 0
    said = capsys.readouterr().out.splitlines()
    assert said
    assert all(line.startswith('{"frame": ') for line in said)


def test_events_of_a_camera_are_not_written_over_earlier_ones(camera, tmp_path, capsys):
    events = tmp_path / "events.csv"
    events.write_text("those of last night")
    assert camera("--events", events) == 1
    assert f"actionnet: '{events}' exists already; rename it or give another name" in capsys.readouterr().err
    assert events.read_text() == "those of last night"


def test_a_copy_without_times_is_said(camera, tmp_path, capsys):
    assert camera(tmp_path / "out.avi") == 0
    assert "out.avi have no times, and are played at 25 a second, however they come; give a" in capsys.readouterr().err

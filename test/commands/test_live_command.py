"""`actionnet STREAM`: a camera that goes, and comes back."""

import csv
import json
import signal
import subprocess
import time
from itertools import pairwise

import pytest
from command import ACTIONNET, actionnet, failure, lines, skip_without_command
from mjpeg_server import camera
from pictures import write_video
from rough_server import silence
from waiting import WAIT, wait_until


def test_windows_start_over_behind_a_gap_of_a_stream(brightness_card):
    """The camera is away for 3 seconds: it is opened again after 1 s, in vain, and after 2 more."""
    with camera(20, 0, 20) as (port, _):
        options = ("--model", brightness_card, "--precision", "f32", "--json", "--give-up", 5)
        result = actionnet(f"http://127.0.0.1:{port}/", *options)
    assert "gave no images for 5 s; check that it is there and free" in failure(result)
    assert result.stderr.count("gives no more images; it is opened again after 1 s") == 1
    assert result.stderr.count("is back after") == 1
    spans = [(line["start"], line["end"]) for line in lines(result)]
    assert max(end - start for start, end in spans) < 2
    [gap] = [after[0] - before[1] for before, after in pairwise(spans) if after[0] > before[1] + 2]
    assert gap >= 3


def test_what_has_an_end_is_not_given_up(brightness_card, tmp_path):
    video = write_video(tmp_path / "in.avi", 12)
    said = failure(actionnet(video, "--model", brightness_card, "--give-up", 5))
    assert said.startswith("actionnet: --give-up is for cameras and streams, and ")


@pytest.mark.parametrize("hangs", [False, True])
def test_a_signal_ends_a_command_that_waits_for_a_stream_at_once(brightness_card, tmp_path, hangs):
    """While it waits until it opens the stream again, and while the server does not answer."""
    skip_without_command()
    events = tmp_path / "events.csv"
    options = ["--network", brightness_card, "--backend", "openvino", "--events", events, "--event-start", "0.1"]
    limits = ["--event-end", "0.1", "--event-min-duration", "0"]
    with camera(40, then=silence if hangs else None) as (port, requests):
        command = [ACTIONNET, f"http://127.0.0.1:{port}/", *options, *limits]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            said = [process.stderr.readline()]
            while "gives no more images" not in said[-1]:
                said.append(process.stderr.readline())
            if hangs:
                wait_until(lambda: len(requests) == 2)
            before = time.monotonic()
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=WAIT)[1]
            took = time.monotonic() - before
    assert (process.returncode, rest) == (130, "")
    assert took < 10  # of 30 that OpenCV waits for an answer; it is less than 2 on a machine that is not busy
    assert len(events.read_text().splitlines()) > 1


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_events_that_ended_are_in_the_file_whatever_ends_the_machine(brightness_card, tmp_path, suffix):
    """The camera is away for 3 seconds, which ends its first event."""
    skip_without_command()
    events = tmp_path / f"events.{suffix}"
    options = ["--network", brightness_card, "--backend", "openvino", "--events", events, "--event-start", "0.1"]
    limits = ["--event-end", "0.1", "--event-min-duration", "0"]
    with camera(20, 0, 1000) as (port, _):
        command = [ACTIONNET, f"http://127.0.0.1:{port}/", *options, *limits]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            said = [process.stdout.readline()]
            while said[-1] and not said[-1].startswith("event ended"):
                said.append(process.stdout.readline())
            process.kill()
    rows = list(csv.DictReader(events.open())) if suffix == "csv" else json.loads(events.read_text())["events"]
    assert [row["label"] for row in rows] == ["fourth"]


def test_a_signal_ends_a_command_that_opens_a_stream_at_once():
    skip_without_command()
    with camera(then=silence) as (port, requests):
        command = [ACTIONNET, f"http://127.0.0.1:{port}/"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: requests)
            before = time.monotonic()
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, rest) == (130, "")
    assert time.monotonic() - before < 10  # of 30, see above

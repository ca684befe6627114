"""A job whose worker was killed goes on at its last checkpoint, and finds what it would have found without that."""

import json
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from clips import moving, write_video

pytest.importorskip("httpcore", reason="httpcore is not installed: pip install -r requirements-serve.txt")
from har_ros.persons.poses import Poses
from har_ros.persons.tracks import Tracker
from har_ros.pipeline.events import EventState
from har_ros.service.folder import CHECKPOINT, ServiceFolder
from har_ros.service.jobs import checkpoint
from har_ros.service.jobs import run as run_module
from har_ros.service.jobs import worker as worker_module
from har_ros.service.jobs.store import JobStore
from har_ros.service.jobs.worker import Worker
from har_ros.service.options import Models

FRAMES = 400
SECOND = 1_000_000_000
WORKER = """
import os, signal, sys
from pathlib import Path
from har_ros.service.jobs import checkpoint, run
from har_ros.service.folder import ServiceFolder
from har_ros.service.options import Models
from har_ros.service.jobs.worker import Worker

folder, models, place = sys.argv[1:]
run.PERIOD = run.NOTE = 0.0
run.SHARE = 1.0
save, saved = checkpoint.save, 0

def save_and_die(*arguments):
    global saved
    saved += 1
    if saved == 30 and place == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    save(*arguments)
    if saved == 30:
        os.kill(os.getpid(), signal.SIGKILL)
    return True

checkpoint.save = save_and_die
Worker(ServiceFolder(Path(folder)), Models(Path(models)), 3600, None).run_one()
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "long.mp4", moving(frames=FRAMES))


def queued(folder, video, owner=""):
    """Return the folder of a new job, and its id."""
    folder.path.mkdir(exist_ok=True)
    store = JobStore(folder.jobs)
    options = {"model": "tiny", "threshold": 0.0, "smoothing": 3.0, "hysteresis": 0.1, "event_start": 0.2}
    job, _ = store.add("long.mp4", {**options, "event_end": 0.1}, owner=owner)
    folder.of(job.id).mkdir(parents=True)
    shutil.copy(video, folder.of(job.id) / "input.mp4")
    store.enqueue(job.id)
    return folder.of(job.id), job.id


def run(folder, models):
    worker = Worker(folder, Models(models), 3600, None)
    assert worker.run_one()
    worker.close()


def pictures(path):
    capture = cv2.VideoCapture(str(path))
    found = []
    while (picture := capture.read()[1]) is not None:
        found.append((round(capture.get(cv2.CAP_PROP_POS_MSEC)), picture.mean()))
    return found


def untimed(text):
    return [{**json.loads(line), "inference_time": 0} for line in text.splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, models, video):
    """What a job finds that nobody interrupts."""
    folder = ServiceFolder(tmp_path_factory.mktemp("whole"))
    place, _ = queued(folder, video)
    run(folder, models)
    return place


@pytest.mark.parametrize("killed", ["before", "after"])
def test_a_killed_job_goes_on_and_finds_the_same(tmp_path, models, video, whole, killed):
    folder = ServiceFolder(tmp_path / "service")
    place, number = queued(folder, video)
    died = subprocess.run([sys.executable, "-c", WORKER, folder.path, models, killed], timeout=120)
    assert died.returncode == -signal.SIGKILL
    store = JobStore(folder.jobs)
    store.recover()
    assert (place / CHECKPOINT).exists()
    before = (place / "windows.jsonl").read_text()

    run(folder, models)

    assert store.get(number).state == "done"
    skipped = store.get(number).skipped
    assert 29 <= skipped < FRAMES
    after = (place / "windows.jsonl").read_text()
    assert untimed(after) == untimed((whole / "windows.jsonl").read_text())
    kept = sum(json.loads(line)["frame"] < skipped for line in before.splitlines())  # there may be later lines
    assert kept > 0
    assert after.splitlines()[:kept] == before.splitlines()[:kept]
    for name in ("actions.csv", "actions.srt", "actions.vtt"):
        assert (place / name).read_text() == (whole / name).read_text()
    assert [time for time, _ in pictures(place / "video.mp4")] == [time for time, _ in pictures(whole / "video.mp4")]
    assert {path.name for path in place.iterdir()} == {path.name for path in whole.iterdir()}


def test_a_long_job_lets_those_of_others_go_first_and_finds_the_same(tmp_path, models, video, whole, monkeypatch):
    folder = ServiceFolder(tmp_path / "service")
    place, number = queued(folder, video, owner="a")
    _, same = queued(folder, video, owner="a")
    _, other = queued(folder, video, owner="b")
    store = JobStore(folder.jobs)
    states = []
    for turn, period in ((0.0, 0.0), (300.0, 10.0), (300.0, 10.0)):
        monkeypatch.setattr(worker_module, "TURN", turn)
        monkeypatch.setattr(run_module, "PERIOD", period)
        run(folder, models)
        states.append([store.get(one).state for one in (number, same, other)])
    assert states == [["queued"] * 3, ["queued", "queued", "done"], ["done", "queued", "done"]]
    assert store.get(number).skipped > 0
    assert untimed((place / "windows.jsonl").read_text()) == untimed((whole / "windows.jsonl").read_text())
    assert (place / "actions.csv").read_text() == (whole / "actions.csv").read_text()


@pytest.mark.parametrize("damage", [b"", b"no pickle"])
def test_a_checkpoint_that_cannot_be_used_costs_time_only(tmp_path, models, video, whole, damage):
    folder = ServiceFolder(tmp_path / "service")
    place, _ = queued(folder, video)
    (place / CHECKPOINT).write_bytes(damage)
    (place / "part-00000.mp4").write_bytes(b"half a video")
    (place / "windows.jsonl").write_text("half a line")
    run(folder, models)
    assert untimed((place / "windows.jsonl").read_text()) == untimed((whole / "windows.jsonl").read_text())
    assert len(pictures(place / "video.mp4")) == FRAMES


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "mkdir"),
        ("har_ros.service.folder", "shutil.rmtree"),
        ("har_ros.service.jobs.workers", "subprocess.Popen"),
    ],
)
def test_a_checkpoint_runs_nothing(tmp_path, caplog, module, name):
    path = tmp_path / CHECKPOINT
    made = str(tmp_path / "made").encode()
    text = b"".join(b"\x8c" + bytes([len(one)]) + one for one in (module.encode(), name.encode()))
    path.write_bytes(b"\x80\x04" + text + b"\x93" + b"\x8c" + bytes([len(made)]) + made + b"\x85R.")
    assert checkpoint.load(path, SimpleNamespace(recognizer=None, persons=None)) is None
    assert f"{module}.{name} is no part of a state" in caplog.text
    assert not (tmp_path / "made").exists()


def test_a_checkpoint_holds_the_people_who_are_followed(tmp_path):
    keypoints = np.dstack([np.random.default_rng(0).uniform(100, 300, (1, 17, 2)), np.full((1, 17, 1), 0.8)])
    poses = Poses(np.float32([0.6]), np.float32([[100, 100, 300, 300]]), keypoints.astype(np.float32))
    networks = SimpleNamespace(recognizer=None, persons=None)
    tracker = Tracker()
    before = [tracker.update(stamp * SECOND // 10, poses) for stamp in range(10)][-1]
    assert checkpoint.save(tmp_path / CHECKPOINT, networks, tracker)
    again = checkpoint.load(tmp_path / CHECKPOINT, networks).update(SECOND, poses)
    assert [one.id for one in again] == [one.id for one in before] != []


def test_a_checkpoint_holds_members_of_enumerations(tmp_path):
    networks = SimpleNamespace(recognizer=None, persons=None)
    assert checkpoint.save(tmp_path / CHECKPOINT, networks, [EventState.GOING_ON])
    assert checkpoint.load(tmp_path / CHECKPOINT, networks) == [EventState.GOING_ON]

"""The service as a client meets it: a real application with a real worker and a small network."""

import json
import os
import shutil
import signal
import time
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import pytest
from clips import moving, write_video

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi.testclient import TestClient

from har_ros.commands.main import main
from har_ros.errors import HarError
from har_ros.pipeline.recognition import Networks
from har_ros.service import limits, room
from har_ros.service.application import application
from har_ros.service.folder import ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.jobs import service as jobs_service
from har_ros.service.jobs import worker
from har_ros.service.jobs.store import JobStore
from har_ros.service.limits import check_video, limit_formats
from har_ros.service.options import Models
from har_ros.service.settings import ServiceSettings

WAIT = 90
"""Seconds for what takes a few on a machine that is not busy."""


@contextmanager
def running(folder, models, token="", **settings):
    app = application(folder, ServiceSettings(models, **settings, most_bytes=50_000_000), Guard("127.0.0.1", token))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory, models):
    with running(tmp_path_factory.mktemp("service"), models) as client:
        yield client


def send(client, path, address="/v1/jobs", status=202, headers=None, **options):
    with path.open("rb") as file:
        data = {"options": json.dumps({"model": "tiny", **options})}
        answer = client.post(address, files={"video": (path.name, file)}, data=data, headers=headers)
    assert answer.status_code == status, answer.text
    return answer


def until(client, number, *states):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        job = client.get(f"/v1/jobs/{number}").json()
        if job["state"] in states:
            return job
        assert job["state"] in ("queued", "running"), job
        time.sleep(0.05)
    raise AssertionError(f"the job is not {states}: {job}")


def test_a_job_says_what_the_command_says(client, video, models, capsys, tmp_path):
    answer = send(client, video, threshold=0.1)
    number = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/jobs/{number}"
    assert until(client, number, "done")["frames_done"] == 60
    result = client.get(f"/v1/jobs/{number}/result").json()
    given = ["--model", str(models / "tiny"), "--threshold", "0.1", "--json"]
    assert main([str(video), str(tmp_path / "out.mp4"), *given, "--events", str(tmp_path / "e.csv")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    untimed = [{**one, "inference_time": 0} for one in result["windows"]]
    assert untimed == [{**line, "inference_time": 0} for line in lines]
    assert client.get(f"/v1/jobs/{number}/actions.csv").text == (tmp_path / "e.csv").read_text()
    assert client.get(f"/v1/jobs/{number}/actions.vtt").text.startswith("WEBVTT")
    part = client.get(f"/v1/jobs/{number}/video", headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)
    (tmp_path / "back.mp4").write_bytes(client.get(f"/v1/jobs/{number}/video").content)
    capture = cv2.VideoCapture(str(tmp_path / "back.mp4"))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 60


def test_progress_is_followed_to_the_end(client, video):
    number = send(client, video).json()["id"]
    with client.stream("GET", f"/v1/jobs/{number}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        said = [json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:")]
    assert said[-1]["state"] == "done"
    assert [one["frames_done"] for one in said] == sorted(one["frames_done"] for one in said)


def test_what_is_found_is_shown_while_the_job_runs(client, long_video):
    number = send(client, long_video, threshold=0.0).json()["id"]
    while not (job := until(client, number, "queued", "running"))["windows"]:
        pass
    address, found = f"/v1/jobs/{number}/windows", []
    part = client.get(address).json()
    assert not part["over"]
    assert job["windows"] <= part["next"] == len(part["windows"]) < 2900
    while not part["over"]:
        found += part["windows"]
        part = client.get(address, params={"after": part["next"]}).json()
    found += part["windows"]
    result = client.get(f"/v1/jobs/{number}/result").json()
    assert found == result["windows"]
    assert (part["spans"], part["persons"]) == (result["spans"], result["persons"])
    assert client.get(f"/v1/jobs/{number}").json()["windows"] == len(found)


def test_a_short_clip_is_answered_at_once_and_not_kept(client, video, tmp_path):
    short = write_video(tmp_path / "short.mp4", moving(frames=6))
    before = client.get("/v1/jobs").json()
    result = send(client, short, "/v1/classify", 200).json()
    assert len(result["windows"]) == 1
    assert client.get("/v1/jobs").json() == before


def test_networks_stay_loaded_for_other_thresholds_but_not_for_other_models(tmp_path, models, video, monkeypatch):
    loaded = []
    monkeypatch.setattr(
        worker, "Networks", lambda values: loaded.append(Path(values["model"]).name) or Networks(values)
    )
    for name in ("a", "b"):
        shutil.copytree(models / "tiny", tmp_path / "models" / name)
    folder = ServiceFolder(tmp_path / "service")
    folder.path.mkdir()
    store = JobStore(folder.jobs)
    with closing(worker.Worker(folder, Models(tmp_path / "models"), 60)) as one:
        for options in ({"model": "a", "threshold": 0.0}, {"model": "a", "threshold": 1.0}, {"model": "b"}):
            job, _ = store.add("disc.mp4", options)
            folder.of(job.id).mkdir(parents=True)
            shutil.copy(video, folder.of(job.id) / "input.mp4")
            store.enqueue(job.id)
            assert one.run_one()
            windows = json.loads((folder.of(job.id) / "result.json").read_text())["windows"]
            assert {bool(window["actions"]) for window in windows} == {options.get("threshold") != 1.0}
    assert loaded == ["a", "b"]


def test_the_same_key_does_not_make_another_job(client, video):
    ids = {send(client, video, headers={"Idempotency-Key": "abc"}).json()["id"] for _ in range(2)}
    assert len(ids) == 1
    other = send(client, video, status=422, headers={"Idempotency-Key": "abc"}, threshold=0.5)
    assert "use a new one" in other.json()["detail"]


def test_a_worker_that_is_killed_costs_nothing_but_time(client, long_video):
    number = send(client, long_video).json()["id"]
    until(client, number, "running")
    workers = client.app.state.service.workers
    os.kill(workers.processes[0], signal.SIGKILL)
    until(client, number, "done")
    windows = client.get(f"/v1/jobs/{number}/result").json()["windows"]
    assert len({one["frame"] for one in windows}) == len(windows)
    assert windows[-1]["frame"] == 2999
    assert client.app.state.service.store.get(number).attempts == 2


def test_an_erased_job_leaves_nothing_and_the_next_one_runs(client, long_video, video):
    number = send(client, long_video).json()["id"]
    after = send(client, video).json()["id"]
    until(client, number, "running")
    assert client.delete(f"/v1/jobs/{number}").status_code == 204
    assert client.get(f"/v1/jobs/{number}").status_code == 404
    until(client, after, "done")
    assert not client.app.state.service.folder.of(number).exists()


def test_a_video_is_looked_at_again_also_when_its_first_job_is_erased(client, video):
    first = send(client, video, threshold=0.5).json()["id"]
    answer = client.post("/v1/jobs", json={"again": first, "options": {"model": "tiny", "threshold": 0.1}})
    assert answer.status_code == 202
    job = answer.json()
    assert (job["video"], job["options"]) == ("disc.mp4", {"model": "tiny", "threshold": 0.1})
    assert client.delete(f"/v1/jobs/{first}").status_code == 204
    assert until(client, job["id"], "done")["frames_done"] == 60
    gone = client.post("/v1/jobs", json={"again": first})
    assert (gone.status_code, gone.json()["detail"]) == (404, f"there is no job {first}; it was erased, or never was")


def test_jobs_outlive_the_server(tmp_path, models, long_video):
    with running(tmp_path, models) as client:
        number = send(client, long_video).json()["id"]
        until(client, number, "running")
    with running(tmp_path, models) as client:
        assert until(client, number, "done")["frames_done"] == 3000


def test_a_video_that_cannot_be_read_fails_with_its_name_only(client, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    number = send(client, tmp_path / "bad.mp4").json()["id"]
    job = until(client, number, "failed")
    assert job["error"].startswith("bad.mp4 cannot be opened as a video")
    small = send(client, write_video(tmp_path / "small.avi", moving(frames=6)[:, :1, :1])).json()["id"]
    assert str(tmp_path.parent) not in until(client, small, "failed")["error"]
    answer = client.get(f"/v1/jobs/{number}/result")
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert "bad.mp4" in answer.json()["detail"]


def test_a_play_list_is_no_video_though_it_is_called_one(tmp_path, video, monkeypatch):
    """FFmpeg would open what it names: other files of the server."""
    shutil.copy(video, tmp_path / "other.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(HarError, match="cannot be opened as a video"):
        check_video(tmp_path / "list.mp4", 60)
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    assert cv2.VideoCapture(str(tmp_path / "list.mp4")).isOpened()
    limit_formats()
    assert not cv2.VideoCapture(str(tmp_path / "list.mp4")).isOpened()
    assert cv2.VideoCapture(str(video)).isOpened()


def test_rare_codecs_and_huge_images_are_refused(tmp_path, monkeypatch):
    rare = write_video(tmp_path / "rare.avi", moving(frames=4), codec="FFV1")
    with pytest.raises(HarError, match="codec is ffv1; convert it"):
        check_video(rare, 60)
    usual = write_video(tmp_path / "usual.mp4", moving(frames=40))
    check_video(usual, 60)
    with pytest.raises(HarError, match="longer than"):
        check_video(usual, 2)
    monkeypatch.setattr(limits, "MOST_PIXELS", 48 * 48 - 1)
    with pytest.raises(HarError, match="48x48 pixels"):
        check_video(usual, 60)


def test_there_is_room_only_for_what_the_disk_may_keep(tmp_path, models, video, monkeypatch):
    monkeypatch.setattr(room, "FRESH", 0.0)
    with running(tmp_path, models, workers=0, disk=1_000_000) as client:
        number = send(client, video).json()["id"]
        upload = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000000", "Upload-Metadata": "filename YS5tcDQ="}
        assert client.post("/v1/uploads", headers=upload).status_code == 507
        (client.app.state.service.folder.of(number) / "video.mp4").write_bytes(bytes(1_000_000))
        assert "that are left of 1,000,000; erase jobs" in send(client, video, status=507).json()["detail"]
        client.delete(f"/v1/jobs/{number}")
        send(client, video)


def test_nobody_has_all_places_of_the_queue(tmp_path, models, video, monkeypatch):
    monkeypatch.setattr(jobs_service, "MOST_OF_ONE", 1)
    with running(tmp_path, models, workers=0) as client:
        send(client, video)
        assert "jobs of yours wait" in send(client, video, status=429).json()["detail"]


def test_a_clip_to_be_answered_at_once_is_not_kept_when_the_server_ends(tmp_path, models):
    with running(tmp_path, models, workers=0) as client:
        store = client.app.state.service.store
        kept, asked = store.add("kept.mp4", {})[0].id, store.add("asked.mp4", {}, temporary=True)[0].id
        for number in (kept, asked):
            client.app.state.service.folder.of(number).mkdir()
            store.enqueue(number)
    with running(tmp_path, models, workers=0) as client:
        assert [job["id"] for job in client.get("/v1/jobs").json()] == [kept]
        assert not client.app.state.service.folder.of(asked).exists()


def test_a_video_that_is_too_long_is_refused(tmp_path, models, video):
    with running(tmp_path, models, seconds=2.0) as client:
        number = send(client, video).json()["id"]
        assert "longer than" in until(client, number, "failed")["error"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{", "options is no JSON"),
        ("[1]", "options is no JSON object"),
        ('{"treshold": 1}', "did you mean threshold"),
        ('{"labels": "/etc/passwd"}', "parameter 'labels' is unknown"),
        ('{"model": "/etc"}', "there is no model '/etc' here"),
        ('{"model": []}', "there is no model [] here"),
        (f'{{"threshold": {"1" * 400}}}', "parameter threshold is"),
        ('{"\\ud800": 1}', "no option is called"),
        ('{"threshold": 7}', "parameter threshold is 7.0; give a number"),
        ('{"event_start": 0.2, "event_end": 0.5}', "event_end is 0.5, above event_start"),
        ('{"allowed_labels": ["nonsense"]}', "nonsense"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(client, video, options, said):
    with video.open("rb") as file:
        answer = client.post("/v1/jobs", files={"video": ("a.mp4", file)}, data={"options": options})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert said in answer.json()["detail"]


def test_wrong_requests_are_refused_in_a_sentence(client, video):
    assert send(client, Path(__file__), status=415).json()["detail"].startswith("test_service.py is no video")
    large = client.post("/v1/jobs", headers={"Content-Length": "60000000"}, content=b"")
    assert (large.status_code, large.json()["title"]) == (413, "Request Entity Too Large")
    assert client.post("/v1/jobs", content=iter([b"x"])).status_code == 411
    assert client.post("/v1/jobs", content=b"x", headers={"Transfer-Encoding": "chunked"}).status_code == 411
    assert "form field video" in client.post("/v1/jobs", data={"options": "{}"}).json()["detail"]
    assert client.get("/v1/jobs/nothing/events").status_code == 404


def test_only_those_who_may_change_something(tmp_path, models):
    with running(tmp_path, models, token="0123456789abcdef") as client:
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/v1/jobs", headers={"Authorization": "Bearer 0123456789abcdef"}).status_code == 200
    with running(tmp_path, models) as client:
        assert client.get("/v1/jobs", headers={"Host": "evil.example:8765"}).status_code == 403
        assert client.delete("/v1/jobs/x", headers={"Origin": "http://evil.example"}).status_code == 403
        assert client.delete("/v1/jobs/x", headers={"Origin": "http://["}).status_code == 403
        assert client.delete("/v1/jobs/x", headers={"Origin": "http://127.0.0.1:8765"}).status_code == 404


def test_a_server_for_others_needs_a_token():
    with pytest.raises(Exception, match="give a --token"):
        Guard("0.0.0.0", "")
    Guard("0.0.0.0", "0123456789abcdef")
    Guard("::1", "")


def test_a_folder_with_other_things_is_refused_and_kept(tmp_path, capsys):
    (tmp_path / "jobs" / "mine").mkdir(parents=True)
    assert main(["serve", "--port", "0", "--folder", str(tmp_path)]) == 1
    assert "holds other things than jobs" in capsys.readouterr().err
    assert (tmp_path / "jobs" / "mine").is_dir()


def test_a_result_that_is_erased_while_somebody_asks_for_it_is_not_found(client, video):
    number = send(client, video).json()["id"]
    until(client, number, "done")
    client.app.state.service.folder.erase(number)
    for what in ("result", "video", "actions.csv"):
        answer = client.get(f"/v1/jobs/{number}/{what}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "it was erased meanwhile")
    assert client.get(f"/jobs/{number}", headers={"accept": "text/html"}).status_code == 404

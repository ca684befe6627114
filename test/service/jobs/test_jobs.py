"""Jobs as a client meets them: a real application with a real worker and a small network."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest
from clips import LONG, moving, write_video

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import five_threads_for_asyncio, held, running, send, until
from tus import TUS, create, patch
from waiting import WAIT

from har_ros.commands.main import main
from har_ros.service import decoding
from har_ros.service.jobs import service


@pytest.fixture(scope="module")
def client(tmp_path_factory, models):
    with running(tmp_path_factory.mktemp("service"), models) as client:
        yield client


def test_a_job_says_what_the_command_says(client, video, models, capsys, tmp_path):
    answer = send(client, video, threshold=0.1)
    number = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/jobs/{number}"
    assert until(client, number, "done")["frames_done"] == 60
    result = client.get(f"/v1/jobs/{number}/result").json()
    given = ["--model", str(models / "tiny"), "--threshold", "0.1", "--json"]
    assert main([str(video), str(tmp_path / "out.mp4"), *given, "--events", str(tmp_path / "e.csv")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line.pop("backend").startswith("OpenVINO on CPU") for line in lines)  # a service has no other
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
    job = until(client, number, "running", windows=1)
    address, found = f"/v1/jobs/{number}/windows", []
    with held(client.app):
        part = client.get(address).json()
        assert client.get(f"/v1/jobs/{number}").json()["state"] == "running"
    assert not part["over"]
    assert job["windows"] <= part["next"] == len(part["windows"])
    end = time.monotonic() + WAIT
    while not part["over"]:
        assert time.monotonic() < end
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


def test_the_same_key_does_not_make_another_job(client, video):
    ids = {send(client, video, headers={"Idempotency-Key": "abc"}).json()["id"] for _ in range(2)}
    assert len(ids) == 1
    other = send(client, video, status=422, headers={"Idempotency-Key": "abc"}, threshold=0.5)
    assert "use a new one" in other.json()["detail"]


def test_a_key_is_of_one_video_whatever_it_is_called(client, video, tmp_path):
    """As draft-ietf-httpapi-idempotency-key-header has it."""
    key = {"Idempotency-Key": "one video"}
    number = send(client, video, headers=key).json()["id"]
    changed = tmp_path / video.name
    changed.write_bytes(video.read_bytes()[:-1] + b"\0")
    assert "for another video" in send(client, changed, status=422, headers=key).json()["detail"]
    assert send(client, video, headers=key).json()["id"] == number
    key = {"Idempotency-Key": "one again"}
    other = send(client, video).json()["id"]
    answers = [
        client.post("/v1/jobs", json={"again": one, "options": {"model": "tiny"}}, headers=key)
        for one in (number, number, other)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 422]
    for job in (number, other, answers[0].json()["id"]):  # the next test need not wait for them
        client.delete(f"/v1/jobs/{job}").raise_for_status()


def test_a_worker_that_is_killed_costs_nothing_but_time(client, long_video):
    number = send(client, long_video).json()["id"]
    until(client, number, "running")
    workers = client.app.state.service.workers
    os.kill(workers.processes[0], signal.SIGKILL)
    until(client, number, "done")
    windows = client.get(f"/v1/jobs/{number}/result").json()["windows"]
    assert len({one["frame"] for one in windows}) == len(windows)
    assert windows[-1]["frame"] == LONG - 1
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
    keyed = {"json": {"again": job["id"], "options": {"model": "tiny"}}, "headers": {"Idempotency-Key": "again"}}
    last = client.post("/v1/jobs", **keyed).json()["id"]
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert client.post("/v1/jobs", **keyed).json()["id"] == last
    gone = client.post("/v1/jobs", json={"again": first})
    assert (gone.status_code, gone.json()["detail"]) == (404, f"there is no job {first}; it was erased, or never was")


@pytest.fixture
def unreadable(tmp_path):
    """A video that opens, and whose images are too small."""
    return write_video(tmp_path / "small.avi", moving(frames=6)[:, :1, :1])


def test_a_video_that_cannot_be_read_fails_with_its_name_only(client, tmp_path, unreadable):
    number = send(client, unreadable).json()["id"]
    assert str(tmp_path.parent) not in until(client, number, "failed")["error"]
    answer = client.get(f"/v1/jobs/{number}/result")
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert "the job is failed: " in answer.json()["detail"]


def test_what_is_no_video_for_this_service_is_refused_at_once_and_leaves_nothing(tmp_path, models, video):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with running(tmp_path / "s", models, workers=0, seconds=2.0) as client:
        said = send(client, tmp_path / "bad.mp4", status=415, headers={"Idempotency-Key": "k"}).json()["detail"]
        assert said.startswith("bad.mp4 cannot be opened as a video: it is none, is broken or incomplete")
        assert "longer than" in send(client, video, status=415).json()["detail"]
        client.headers.update(TUS)
        number = create(client, 8).rpartition("/")[2]
        patch(client, f"/v1/uploads/{number}", 0, b"no video")
        answer = client.post("/v1/jobs", json={"upload": number})
        assert (answer.status_code, "cannot be opened as a video" in answer.json()["detail"]) == (415, True)
        assert client.get("/v1/jobs").json() == []
        assert [path.name for path in tmp_path.rglob("input.*")] == []
        write_video(tmp_path / "bad.mp4", moving(frames=6))
        send(client, tmp_path / "bad.mp4", headers={"Idempotency-Key": "k"})


@pytest.mark.parametrize(("module", "name"), [(decoding, "AT_MOST"), (service, "PATIENCE")])
def test_a_server_without_time_to_look_lets_its_worker_do_it(tmp_path, models, monkeypatch, module, name):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    monkeypatch.setattr(module, name, 0)
    with running(tmp_path / "s", models) as client:
        number = send(client, tmp_path / "bad.mp4").json()["id"]
        assert until(client, number, "failed")["error"].startswith("bad.mp4 cannot be opened as a video")


def test_clips_that_wait_to_be_opened_keep_no_upload_waiting(tmp_path, models, video, monkeypatch):
    go_on, began = threading.Event(), threading.Semaphore(0)

    def look(*_, **__):
        began.release()
        go_on.wait(WAIT)
        return "it was looked at"

    five_threads_for_asyncio(monkeypatch)
    monkeypatch.setattr(decoding.Decoding, "look", look)
    with running(tmp_path / "s", models, workers=0) as client, ThreadPoolExecutor(6) as pool:
        clips = [pool.submit(send, client, video, "/v1/classify", 415) for _ in range(6)]
        assert all(began.acquire(timeout=WAIT) for _ in range(5))
        client.headers.update(TUS)
        patch(client, create(client, 4), 0, b"part")
        assert not any(clip.done() for clip in clips)
        go_on.set()
        assert all(clip.result() for clip in clips)


def test_a_result_that_is_erased_while_somebody_asks_for_it_is_not_found(client, video):
    number = send(client, video).json()["id"]
    until(client, number, "done")
    client.app.state.service.folder.erase(number)
    for what in ("result", "video", "actions.csv"):
        answer = client.get(f"/v1/jobs/{number}/{what}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "it was erased meanwhile")
    assert client.get(f"/jobs/{number}", headers={"accept": "text/html"}).status_code == 404

"""What becomes of jobs when the server ends."""

import pytest
from clips import LONG

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import running, send, until

from har_ros.service.decoding import Decoding
from har_ros.service.folder import ServiceFolder
from har_ros.service.incoming.uploads import Uploads
from har_ros.service.jobs.service import Service
from har_ros.service.jobs.store import JobStore
from har_ros.service.settings import ServiceSettings


def test_jobs_outlive_the_server(tmp_path, models, long_video):
    with running(tmp_path, models) as client:
        number = send(client, long_video).json()["id"]
        until(client, number, "running")
    with running(tmp_path, models) as client:
        assert until(client, number, "done")["frames_done"] == LONG


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


def test_a_job_whose_upload_was_there_when_the_server_ended_goes_on(tmp_path):
    folder = ServiceFolder(tmp_path)
    (tmp_path / "jobs").mkdir()
    uploads, store = Uploads(folder.uploads, 1000), JobStore(folder.jobs)
    upload = uploads.create("a.mp4", 0, "", "")
    store.add("a.mp4", {}, None, upload.id)
    moved = store.add("b.mp4", {})[0].id
    folder.of(moved).mkdir()
    (folder.of(moved) / "input.mp4").touch()
    half = store.add("c.mp4", {})[0].id
    folder.of(half).mkdir()
    (folder.of(half) / ".input.mp4.1.part").touch()
    Service(folder, ServiceSettings(most_bytes=1000), Decoding(1 << 30)).close()
    assert {store.get(number).state for number in (upload.id, moved)} <= {"queued", "failed"}
    assert "send it again" in store.get(half).error
    assert not folder.of(half).exists()
    assert folder.input(upload.id)
    assert not any(path.is_dir() for path in folder.uploads.iterdir())

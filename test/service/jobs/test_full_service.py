"""A server whose disk is full: what is there is shown, and can be erased."""

import sqlite3
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from full_disk import room_for
from served import running, send

from har_ros.service import problems
from har_ros.service.jobs.store import JobStore


def fails(*_, **__):
    raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def client(tmp_path, models):
    with running(tmp_path, models, workers=0) as client:
        yield client


def test_jobs_are_read_where_no_file_can_be_made(tmp_path):
    store = JobStore(tmp_path / "jobs.sqlite")
    number = store.add("a.mp4", {})[0].id
    with room_for(0):
        assert store.get(number).name == "a.mp4"
    store.close()


def test_jobs_are_shown_where_no_file_can_be_made(client, video):
    number = send(client, video).json()["id"]
    with room_for(0):
        answers = [client.get(path) for path in (f"/v1/jobs/{number}", "/v1/jobs", "/")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_a_job_that_cannot_be_read_is_erased_and_makes_room(client, video, monkeypatch):
    number, other = (send(client, video).json()["id"] for _ in range(2))
    monkeypatch.setattr(client.app.state.service.store, "get", fails)
    assert client.delete(f"/v1/jobs/{number}").status_code == 204
    assert [one["id"] for one in client.get("/v1/jobs").json()] == [other]
    folder = client.app.state.service.folder
    assert not folder.of(number).exists()
    client._transport.raise_server_exceptions = False
    assert client.delete("/v1/jobs/%2e").status_code == 500
    assert client.delete("/v1/jobs/%2e%2e").status_code == 500
    assert folder.of(other).exists()


@pytest.mark.parametrize(("free", "status"), [(1000, 507), (10**12, 500)])
def test_an_error_of_the_disk_is_said_to_be_of_a_full_one_where_little_is_free(client, monkeypatch, free, status):
    monkeypatch.setattr(client.app.state.service.store, "newest", fails)
    monkeypatch.setattr(problems.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    client._transport.raise_server_exceptions = False
    answer = client.get("/v1/jobs")
    assert answer.status_code == status
    assert ("erase jobs" in answer.json()["detail"]) == (status == 507)

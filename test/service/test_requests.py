"""What is checked of every request, and how errors are answered."""

import base64
import errno
import json
import sqlite3

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi.testclient import TestClient

from har_ros.errors import ConfigurationError, HarError
from har_ros.service.application import SMALL, application
from har_ros.service.guard import Guard
from har_ros.service.jobs import service as jobs_service
from har_ros.service.settings import ServiceSettings

FORM, PART = "multipart/form-data; boundary=x", "application/offset+octet-stream"
MOST = 50_000_000


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    settings = ServiceSettings(workers=0, streams=1, most_bytes=MOST)
    return application(tmp_path_factory.mktemp("service"), settings, Guard("127.0.0.1", ""))


@pytest.fixture(scope="module")
def client(app):
    with TestClient(app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/login", FORM),
        ("POST", "/login", "application/x-www-form-urlencoded"),
        ("POST", "/v1/streams", FORM),
        ("POST", "/v1/streams/x/frames", "image/jpeg"),
        ("POST", "/v1/streams/x/frames", PART),
        ("POST", "/v1/datasets", FORM),
        ("POST", "/v1/datasets/a/classes", FORM),
        ("POST", "/v1/datasets/a/training", FORM),
        ("POST", "/v1/jobs", PART),
        ("POST", "/v1/jobs", "application/json"),
        ("POST", "/v1/jobs", ""),
        ("POST", "/v1/jobs/x", FORM),
        ("POST", "/v1/uploads", PART),
        ("PATCH", "/v1/uploads/abc", FORM),
        ("DELETE", "/v1/jobs/x", FORM),
    ],
)
def test_only_what_goes_to_the_disk_may_be_large(client, method, path, kind):
    headers = {"Content-Type": kind, "Content-Length": str(SMALL + 1)}
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, "2,000,001 bytes are more than the 2,000,000" in answer.text) == (413, True)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/jobs", FORM),
        ("POST", "/v1/classify", FORM.upper()),
        ("POST", "/v1/datasets/a/classes/b%20c/clips", FORM),
        ("PATCH", "/v1/uploads/0123abc", PART),
    ],
)
def test_videos_may_be_large(client, method, path, kind):
    headers = {"Content-Type": kind, "Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    answers = [client.request(method, path, headers={**headers, "Content-Length": str(MOST + n)}) for n in (0, 1)]
    assert [answer.status_code == 413 for answer in answers] == [False, True]
    assert "50,000,001 bytes are more than the 50,000,000" in answers[1].text


@pytest.mark.parametrize("length", ["0" * 30 + str(MOST + 1), "9" * 5000])
def test_a_length_is_read_however_it_is_written(client, length):
    assert client.post("/v1/jobs", headers={"Content-Type": FORM, "Content-Length": length}).status_code == 413


@pytest.mark.parametrize("name", ["a" * 252 + ".mp4", "a\nb.mp4", "\x1b[2J.mp4"])
def test_a_name_that_cannot_be_shown_is_refused(client, name):
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    answer = client.post(
        "/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1", "Upload-Metadata": metadata}
    )
    assert (answer.status_code, "rename it" in answer.json()["detail"]) == (422, True)


def test_text_that_no_file_can_hold_is_refused(client):
    for name in ("upload", "again", "url"):
        answer = client.post(
            "/v1/jobs", content=f'{{"{name}": "\\ud800"}}', headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_head_is_answered_as_get_without_its_body(client):
    for path in ("/", "/login", "/v1/jobs", "/v1/models", "/docs", "/openapi.json", "/static/style.css"):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
    assert client.head("/v1/jobs/none").status_code == 404
    assert client.head("/v1/jobs/none/events").status_code == 405  # a stream has no end
    paths = client.get("/openapi.json").json()["paths"]
    assert [path for path, methods in paths.items() if "head" in methods] == ["/v1/uploads/{number}"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 507),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 507),
        (sqlite3.OperationalError("database or disk is full"), 507),
        (OSError(errno.EACCES, "Permission denied"), 500),
        (sqlite3.OperationalError("database is locked"), 500),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), 404),
        (HarError("cannot read '/home/someone/nets/a/card.yaml' (no); see /v1"), 500),
        (ConfigurationError("/home/someone/nets is no folder"), 422),
    ],
)
def test_errors_are_what_they_are_and_name_no_place(client, monkeypatch, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr(client.app.state.service.store, "newest", fail)
    answer = client.get("/v1/jobs")
    detail = answer.json()["detail"]
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert "someone" not in detail
    assert ("full" in detail) == (status == 507)


def test_a_key_is_that_of_its_client(client, video):
    others = TestClient(client.app, base_url="http://127.0.0.1:8765", client=("192.0.2.7", 50000))
    answers = [
        one.post("/v1/jobs", files={"video": ("a.mp4", video.read_bytes())}, headers={"Idempotency-Key": "k"})
        for one in (client, others, client)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    first, other, again = (answer.json()["id"] for answer in answers)
    assert first == again != other


def test_a_repeated_key_gets_its_job_also_when_nothing_more_may_wait(client, video, monkeypatch):
    def send(key):
        files = {"video": ("a.mp4", video.read_bytes())}
        return client.post("/v1/jobs", files=files, headers={"Idempotency-Key": key})

    first = send("once")
    assert first.status_code == 202
    monkeypatch.setattr(jobs_service, "MOST_OF_ONE", 1)
    monkeypatch.setattr(jobs_service, "MOST_WAITING", 1)
    assert send("twice").status_code == 503
    again = send("once")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/classify", "/v1/streams"])
def test_who_asks_for_people_is_told_at_once_that_no_network_finds_them(client, video, own_cache, path):
    options, before = {"persons": True, "threshold": 0.3}, client.get("/v1/jobs").json()
    form = {"files": {"video": ("a.mp4", video.read_bytes())}, "data": {"options": json.dumps(options)}}
    answer = client.post(path, **({"json": {"options": options}} if path == "/v1/streams" else form))
    said = "movenet-multipose.json of movenet-multipose is not there; run: actionnet models fetch movenet-multipose"
    assert (answer.status_code, answer.json()["detail"]) == (422, said)
    assert client.get("/v1/jobs").json() == before

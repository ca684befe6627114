"""Uploads in parts (tus 1.0): over real connections, some of which break."""

import base64
import hashlib
import http.client
import json
import os
import time
from contextlib import ExitStack, closing
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from chromium import serving
from clips import moving, tiny_in, write_video

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from tus import TUS, create, offset, patch, text
from waiting import WAIT, wait_until

from har_ros.service.application import SMALL, application
from har_ros.service.folder import ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.incoming.tus import PART
from har_ros.service.incoming.uploads import KEPT, LARGEST_OF_ONE
from har_ros.service.settings import ServiceSettings

MOST_BYTES = 40_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ServiceFolder(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def app(folder, tmp_path_factory):
    models = tiny_in(tmp_path_factory.mktemp("models"))
    return application(folder.path, ServiceSettings(models, most_bytes=MOST_BYTES), Guard("127.0.0.1", ""))


@pytest.fixture(scope="module")
def address(app):
    with serving(app) as address:
        yield address


@pytest.fixture
def client(address, monkeypatch):
    """A client of a server that takes no connection for broken because this machine is busy."""
    monkeypatch.setattr("har_ros.service.incoming.uploads.SILENCE", WAIT)
    with httpx.Client(base_url=address, headers=TUS, timeout=WAIT) as client:
        yield client


def begun(address, place, at, length, content, **more):
    """Return a connection that has sent the beginning of a PATCH."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=WAIT)
    connection.putrequest("PATCH", place)
    headers = {**TUS, "Upload-Offset": at, "Content-Type": PART, "Content-Length": length, **more}
    for name, value in headers.items():
        connection.putheader(name, str(value))
    connection.endheaders(content)
    return connection


def test_an_upload_in_parts_becomes_a_job(client, folder, tmp_path):
    video = write_video(tmp_path / "disc.mp4", moving(frames=30)).read_bytes()
    place = create(client, len(video), "disc.mp4")
    number = place.rpartition("/")[2]
    assert "is no such upload" in client.post("/v1/jobs", json={"upload": "../jobs"}).json()["detail"]
    for start in range(0, len(video), 10_000):
        unfinished = client.post("/v1/jobs", json={"upload": number})
        assert (unfinished.status_code, offset(client, place)) == (409, start)
        answer = patch(client, place, start, video[start : start + 10_000])
        assert int(answer.headers["upload-offset"]) == min(start + 10_000, len(video))
    body = {"upload": number, "options": {"model": "tiny"}}
    jobs = [client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    jobs += [client.post("/v1/jobs", json=body)]
    assert [(job.status_code, job.json()["id"], job.json()["video"]) for job in jobs] == 3 * [(202, number, "disc.mp4")]
    assert jobs[0].headers["location"] == f"/v1/jobs/{number}"
    other = client.post("/v1/jobs", json={**body, "options": {"top_k": 2}})
    assert (other.status_code, "use a new one" in other.json()["detail"]) == (422, True)
    assert client.head(place).status_code == 404
    assert list(folder.uploads.glob(number)) == []
    assert folder.input(number).read_bytes() == video
    wait_until(lambda: client.get(f"/v1/jobs/{number}").json()["state"], "done")
    assert client.get(f"/v1/jobs/{number}/result").json()["frames"] == 30
    client.delete(f"/v1/jobs/{number}")
    assert client.post("/v1/jobs", json=body).status_code == 404


def test_what_came_before_the_connection_broke_counts(client, address):
    content = os.urandom(3_000_000)
    place = create(client, len(content))
    breaking = begun(address, place, 0, len(content), content[:2_000_000])
    wait_until(lambda: offset(client, place), 2_000_000)
    breaking.close()
    wait_until(lambda: client.patch(place, headers={"Upload-Offset": "2000000", "Content-Type": PART}).status_code, 204)
    patch(client, place, 2_000_000, content[2_000_000:])
    assert offset(client, place) == len(content)


def test_a_connection_that_falls_silent_makes_room_for_the_next(client, address, monkeypatch):
    place = create(client, 100)
    with monkeypatch.context() as patched:
        patched.setattr("har_ros.service.incoming.uploads.SILENCE", 2.0)  # else the first bytes may be too late
        answer = begun(address, place, 0, 100, b"x" * 10).getresponse()
    assert (answer.status, "nothing came" in json.loads(answer.read())["detail"]) == (503, True)
    patch(client, place, 10, b"y" * 90)


def form(address, length, content=b"--x\r\n"):
    """Return a connection that has sent the beginning of a form with a video."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=WAIT)
    connection.putrequest("POST", "/v1/jobs")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(length))
    connection.endheaders(content)
    return connection


def test_a_form_that_falls_silent_is_given_up_and_its_room_is_free(client, address, app, monkeypatch):
    monkeypatch.setattr("har_ros.service.incoming.uploads.SILENCE", 0.2)
    answer = form(address, MOST_BYTES).getresponse()
    assert (answer.status, "nothing came" in json.loads(answer.read())["detail"]) == (408, True)
    wait_until(lambda: app.state.service.room._of["127.0.0.1"], 0)


def test_forms_of_one_client_have_a_limit_together(client, address, app):
    room = app.state.service.room
    with ExitStack() as silent:
        for _ in range(LARGEST_OF_ONE):
            silent.enter_context(closing(form(address, MOST_BYTES)))
        wait_until(lambda: room._of["127.0.0.1"], LARGEST_OF_ONE * MOST_BYTES)
        answer = form(address, 1000).getresponse()
        assert (answer.status, "are arriving already" in json.loads(answer.read())["detail"]) == (429, True)
    wait_until(lambda: room._of["127.0.0.1"], 0)


def test_only_one_writes_an_upload_at_a_time(client, address):
    place = create(client, 100)
    first = begun(address, place, 0, 100, b"x" * 10)
    wait_until(lambda: offset(client, place), 10)
    assert "another request" in patch(client, place, 10, b"y" * 90, 423).json()["detail"]
    assert client.delete(place).status_code == 423
    first.send(b"z" * 90)
    assert first.getresponse().status == 204
    assert offset(client, place) == 100


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_lets_bytes_count_only_when_it_is_right(client, address, algorithm):
    content = os.urandom(300_000)
    said = f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"
    place = create(client, 2 * len(content))
    wrong = patch(client, place, 0, content[::-1], 460, **{"Upload-Checksum": said})
    assert wrong.json()["title"] == "Checksum Mismatch"
    assert offset(client, place) == 0
    begun(address, place, 0, len(content), content[:1000], **{"Upload-Checksum": said}).close()
    wait_until(lambda: client.patch(place, headers={"Upload-Offset": "0", "Content-Type": PART}).status_code, 204)
    assert offset(client, place) == 0
    patch(client, place, 0, content, **{"Upload-Checksum": said})
    patch(client, place, len(content), content, **{"Upload-Checksum": said})
    assert offset(client, place) == 2 * len(content)


def test_requests_that_do_not_fit_are_refused_in_a_sentence(client):
    place = create(client, 10)
    assert "goes on at 0, not at 5" in patch(client, place, 5, b"12345", 409).json()["detail"]
    assert "are too many" in patch(client, place, 0, b"x" * 11, 413).json()["detail"]
    assert PART in patch(client, place, 0, b"x", 415, **{"Content-Type": "text/plain"}).json()["detail"]
    for said in ("md5 AAAA", "sha1 AAAA", "sha1 é", "sha256"):
        patch(client, place, 0, b"x", 400, **{"Upload-Checksum": said.encode()})
    old = client.head(place, headers={"Tus-Resumable": "0.2.2"})
    assert (old.status_code, old.headers["tus-version"]) == (412, "1.0.0")
    assert "is no video" in create(client, 10, "notes.txt", 415)
    assert "40,000,001 bytes are more than the 40,000,000" in create(client, MOST_BYTES + 1, status=413)
    bad = client.post("/v1/uploads", headers={"Upload-Length": "1", "Upload-Metadata": "filename !"})
    assert bad.status_code == 400
    for length in ("-1", "many", "1.5", "+1", "1_0"):
        assert client.post("/v1/uploads", headers={"Upload-Length": length}).status_code == 422
    chunked = client.patch(place, headers={"Upload-Offset": "0", "Content-Type": PART}, content=iter([b"x"]))
    assert chunked.status_code == 411
    assert offset(client, place) == 0


def test_what_the_server_speaks_and_what_it_knows_of_an_upload(client):
    answer = client.options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"].split(",") == ["creation", "checksum", "expiration", "termination"]
    assert answer.headers["tus-max-size"] == str(MOST_BYTES)
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
    place = create(client, 7, "é.mp4")
    known = client.head(place).headers
    assert known["upload-length"] == "7"
    assert known["upload-metadata"].startswith(f"filename {text('é.mp4')}")
    assert abs(parsedate_to_datetime(known["upload-expires"]).timestamp() - time.time() - KEPT) < 60
    assert client.delete(place).status_code == 204
    assert client.head(place).status_code == client.delete(place).status_code == 404


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_a_large_body_that_would_be_read_as_a_whole_is_refused(client, kind):
    answer = client.post("/v1/jobs", headers={"Content-Type": kind}, content=b" " * (SMALL + 1))
    assert (answer.status_code, "is sent as multipart/form-data" in answer.json()["detail"]) == (413, True)


def test_more_files_than_the_video_are_refused(client):
    files = [("video", (f"{n}.mp4", b"x")) for n in range(2)]
    assert client.post("/v1/jobs", files=files).status_code == 400

"""Uploads in parts (tus 1.0): over real connections, some of which break."""

import base64
import hashlib
import http.client
import json
import os
import time
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from chromium import serving
from clips import moving, teachable, write_video
from full_disk import room_for
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from har_ros.service.application import SMALL, application
from har_ros.service.folder import ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.incoming.tus import PART, routes
from har_ros.service.incoming.uploads import KEPT, LARGEST_TOGETHER, MOST, Uploads
from har_ros.service.jobs.routes import Service
from har_ros.service.jobs.store import JobStore
from har_ros.service.problems import handle_errors
from har_ros.service.room import Room
from har_ros.service.settings import ServiceSettings

MOST_BYTES = 40_000_000
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ServiceFolder(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def address(folder, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    (models / "tiny").mkdir()
    teachable(models / "tiny").rename(models / "tiny" / "card.yaml")
    with serving(
        application(folder.path, ServiceSettings(models, most_bytes=MOST_BYTES), Guard("127.0.0.1", ""))
    ) as address:
        yield address


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, headers=TUS, timeout=30) as client:
        yield client


def text(value):
    return base64.b64encode(value.encode()).decode()


def create(client, length, name="a.mp4", status=201):
    headers = {"Upload-Length": str(length), "Upload-Metadata": f"filename {text(name)},filetype {text('video/mp4')}"}
    answer = client.post("/v1/uploads", headers=headers)
    assert answer.status_code == status, answer.text
    return answer.headers["location"] if status == 201 else answer.json()["detail"]


def patch(client, place, offset, content, status=204, **more):
    headers = {"Upload-Offset": str(offset), "Content-Type": PART, **more}
    answer = client.patch(place, headers=headers, content=content)
    assert answer.status_code == status, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer


def offset(client, place):
    answer = client.head(place)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def begun(address, place, at, length, content, **more):
    """Return a connection that has sent the beginning of a PATCH."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.putrequest("PATCH", place)
    headers = {**TUS, "Upload-Offset": at, "Content-Type": PART, "Content-Length": length, **more}
    for name, value in headers.items():
        connection.putheader(name, str(value))
    connection.endheaders(content)
    return connection


def until(found, wanted):
    """Wait until a function returns what is wanted."""
    end = time.monotonic() + 30
    while (last := found()) != wanted:
        assert time.monotonic() < end, f"{last} is not {wanted}"
        time.sleep(0.02)


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
    until(lambda: client.get(f"/v1/jobs/{number}").json()["state"], "done")
    assert client.get(f"/v1/jobs/{number}/result").json()["frames"] == 30
    client.delete(f"/v1/jobs/{number}")
    assert client.post("/v1/jobs", json=body).status_code == 404


def test_what_came_before_the_connection_broke_counts(client, address):
    content = os.urandom(3_000_000)
    place = create(client, len(content))
    breaking = begun(address, place, 0, len(content), content[:2_000_000])
    until(lambda: offset(client, place), 2_000_000)
    breaking.close()
    until(lambda: client.patch(place, headers={"Upload-Offset": "2000000", "Content-Type": PART}).status_code, 204)
    patch(client, place, 2_000_000, content[2_000_000:])
    assert offset(client, place) == len(content)


def test_a_connection_that_falls_silent_makes_room_for_the_next(client, address, monkeypatch):
    monkeypatch.setattr("har_ros.service.incoming.uploads.SILENCE", 0.2)
    place = create(client, 100)
    answer = begun(address, place, 0, 100, b"x" * 10).getresponse()
    assert (answer.status, "nothing came" in json.loads(answer.read())["detail"]) == (503, True)
    patch(client, place, 10, b"y" * 90)


def test_only_one_writes_an_upload_at_a_time(client, address):
    place = create(client, 100)
    first = begun(address, place, 0, 100, b"x" * 10)
    until(lambda: offset(client, place), 10)
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
    until(lambda: client.patch(place, headers={"Upload-Offset": "0", "Content-Type": PART}).status_code, 204)
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
    assert "40 MB" in create(client, MOST_BYTES + 1, status=413)
    bad = client.post("/v1/uploads", headers={"Upload-Length": "1", "Upload-Metadata": "filename !"})
    assert bad.status_code == 400
    for length in ("-1", "many", "1.5"):
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


@pytest.fixture
def uploads(tmp_path):
    return Uploads(tmp_path / "uploads", 1000)


@pytest.fixture
def small(uploads):
    return alone(uploads)


def alone(uploads):
    """Return a client of the routes alone."""
    app = FastAPI()
    app.include_router(routes)
    room = Room(ServiceFolder(uploads.path.parent), 1 << 70)
    app.state.service = SimpleNamespace(uploads=uploads, room=room)
    handle_errors(app)
    return TestClient(app, headers=TUS)


def names(uploads):
    return [path.name for path in uploads.path.iterdir()]


def age(uploads, upload, seconds):
    path = uploads.path / upload.id / upload.file
    os.utime(path, 2 * (path.stat().st_mtime - seconds,))


def test_uploads_have_a_limit_together_and_make_room_when_their_time_is_over(small, uploads):
    for _ in range(LARGEST_TOGETHER):
        create(small, 1000)
    assert "need all room" in create(small, 1, status=507)
    age(uploads, uploads.get(names(uploads)[0]), KEPT + 1)
    create(small, 1000)
    assert len(names(uploads)) == LARGEST_TOGETHER
    for number in names(uploads):
        uploads.erase(number)
    for _ in range(MOST):
        create(small, 1)
    assert f"{MOST} uploads are open" in create(small, 1, status=503)


def test_a_length_that_no_file_has_is_refused(uploads):
    client = alone(Uploads(uploads.path, 1 << 70))
    assert client.post("/v1/uploads", headers={"Upload-Length": "9" * 400}).status_code == 422


def test_an_upload_needs_room_on_the_disk_before_it_starts(tmp_path):
    uploads = Uploads(tmp_path, 1 << 62)
    with pytest.raises(Exception, match="the server's disk has"):
        uploads.create("a.mp4", 1 << 61, "")
    assert names(uploads) == []


def test_an_upload_goes_on_after_a_restart_and_expires(small, uploads):
    place = create(small, 10)
    patch(small, place, 0, b"12345")
    small.app.state.service.uploads = again = Uploads(uploads.path, 1000)
    assert offset(small, place) == 5
    patch(small, place, 5, b"67890")
    upload = again.get(names(again)[0])
    age(again, upload, KEPT + 1)
    assert small.head(place).status_code == 404
    with again.alone(upload.id):
        again.tidy()  # which leaves what somebody is at
    assert names(again)
    again.tidy()
    assert names(again) == []


def test_bytes_whose_checksum_was_not_checked_before_a_crash_do_not_count(small, uploads):
    place = create(small, 10)
    patch(small, place, 0, b"123")
    upload = uploads.get(place.rpartition("/")[2])
    folder = uploads.path / upload.id
    (folder / "unchecked.3").touch()
    with (folder / upload.file).open("ab") as file:
        file.write(b"xx")
    assert offset(small, place) == 3
    patch(small, place, 3, b"4567890")
    assert (folder / upload.file).read_bytes() == b"1234567890"


def test_a_full_disk_is_said_and_what_fitted_counts(small):
    place = create(small, 1000)
    with room_for(100):
        answer = small.patch(place, headers={"Upload-Offset": "0", "Content-Type": PART}, content=b"x" * 1000)
    assert (answer.status_code, "disk may be full" in answer.json()["detail"]) == (507, True)
    assert offset(small, place) == 100


@settings(max_examples=15, deadline=None)
@given(parts=st.lists(st.tuples(st.integers(0, 40), st.integers(-3, 3), st.booleans()), max_size=12))
def test_whatever_is_sent_only_what_fits_is_kept(tmp_path_factory, parts):
    client, wanted = alone(Uploads(tmp_path_factory.mktemp("uploads"), 1000)), bytes(range(100))
    place, there = create(client, 100), 0
    for size, shift, right in parts:
        content = wanted[there : there + size]
        digest = hashlib.sha256(content if right else content + b"!").digest()
        headers = {"Upload-Offset": str(max(0, there + shift)), "Content-Type": PART}
        headers["Upload-Checksum"] = f"sha256 {base64.b64encode(digest).decode()}"
        answer = client.patch(place, headers=headers, content=content)
        if max(0, there + shift) == there and right:
            assert answer.status_code == 204
            there += len(content)
        else:
            assert answer.status_code in (409, 460, 413)
        assert offset(client, place) == there


def test_a_job_whose_upload_was_there_when_the_server_ended_goes_on(tmp_path):
    folder = ServiceFolder(tmp_path)
    (tmp_path / "jobs").mkdir()
    uploads, store = Uploads(folder.uploads, 1000), JobStore(folder.jobs)
    upload = uploads.create("a.mp4", 0, "")
    store.add("a.mp4", {}, None, upload.id)
    moved = store.add("b.mp4", {})[0].id
    folder.of(moved).mkdir()
    (folder.of(moved) / "input.mp4").touch()
    half = store.add("c.mp4", {})[0].id
    folder.of(half).mkdir()
    (folder.of(half) / ".input.mp4.1.part").touch()
    Service(folder, ServiceSettings(most_bytes=1000)).close()
    assert {store.get(number).state for number in (upload.id, moved)} <= {"queued", "failed"}
    assert "send it again" in store.get(half).error
    assert not folder.of(half).exists()
    assert folder.input(upload.id)
    assert names(uploads) == []


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_a_large_body_that_would_be_read_as_a_whole_is_refused(client, kind):
    answer = client.post("/v1/jobs", headers={"Content-Type": kind}, content=b" " * (SMALL + 1))
    assert (answer.status_code, "must be one of multipart/form-data" in answer.json()["detail"]) == (413, True)


def test_more_files_than_the_video_are_refused(client):
    files = [("video", (f"{n}.mp4", b"x")) for n in range(2)]
    assert client.post("/v1/jobs", files=files).status_code == 400

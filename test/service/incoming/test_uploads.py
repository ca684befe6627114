"""Uploads in parts, on disk: limits, restarts, full disks, and arbitrary parts."""

import base64
import hashlib
import os
from types import SimpleNamespace

import pytest
from full_disk import room_for
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tus import TUS, create, offset, patch

from har_ros.service import room
from har_ros.service.folder import ServiceFolder
from har_ros.service.incoming import uploads as module
from har_ros.service.incoming.tus import PART, routes
from har_ros.service.incoming.upload import KEPT, promised
from har_ros.service.incoming.uploads import LARGEST_OF_ONE, Uploads
from har_ros.service.problems import handle_errors
from har_ros.service.room import Room


@pytest.fixture
def uploads(tmp_path):
    return Uploads(tmp_path / "uploads", 1000)


@pytest.fixture
def small(uploads):
    return alone(uploads)


def alone(uploads, address="192.0.2.1"):
    """Return a client of the routes alone."""
    app = FastAPI()
    app.include_router(routes)
    room = Room(ServiceFolder(uploads.path.parent), 1 << 70)
    app.state.service = SimpleNamespace(uploads=uploads, room=room)
    handle_errors(app)
    return TestClient(app, headers=TUS, client=(address, 50000))


def names(uploads):
    return [path.name for path in uploads.path.iterdir()]


def age(uploads, upload, seconds):
    path = uploads.path / upload.id / upload.file
    os.utime(path, 2 * (path.stat().st_mtime - seconds,))


def test_uploads_of_one_client_have_limits_and_make_room_when_their_time_is_over(small, uploads, monkeypatch):
    for _ in range(LARGEST_OF_ONE):
        create(small, 1000)
    assert "take 4,000 bytes" in create(small, 1, status=429)
    create(alone(uploads, "192.0.2.2"), 1000)
    age(uploads, uploads.get(names(uploads)[0]), KEPT + 1)
    for number in names(uploads)[1:]:
        uploads.erase(number)
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    for _ in range(3):
        create(small, 1)
    assert "3 uploads of yours are open" in create(small, 1, status=429)
    create(alone(uploads, "192.0.2.2"), 1)
    assert len(names(uploads)) == 4


def test_all_uploads_together_have_a_limit(uploads, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    for number in range(3):
        create(alone(uploads, f"192.0.2.{number}"), 1)
    assert "3 uploads are open" in create(alone(uploads), 1, status=503)


def test_what_an_upload_promises_takes_room_until_it_is_there_or_erased(uploads, monkeypatch):
    monkeypatch.setattr(room, "FRESH", 0.0)
    client = alone(uploads)
    client.app.state.service.room = Room(ServiceFolder(uploads.path.parent), 2000, lambda: promised(uploads.path))
    place = create(client, 1000)
    assert "do not fit" in create(client, 900, status=507)  # upload.json is there, too
    patch(client, place, 0, bytes(600))
    assert "do not fit" in create(client, 900, status=507)
    assert client.delete(place).status_code == 204
    create(client, 900)


def test_a_length_that_no_file_has_is_refused(uploads):
    client = alone(Uploads(uploads.path, 1 << 70))
    assert client.post("/v1/uploads", headers={"Upload-Length": "9" * 400}).status_code == 507


def test_an_upload_needs_room_on_the_disk_before_it_starts(uploads):
    assert "do not fit" in create(alone(Uploads(uploads.path, 1 << 62)), 1 << 59, status=507)
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


@pytest.mark.parametrize("about", ['{"name": "a.mp4", "length": 10, "metadata": ""}', "[]", "{"])
def test_what_another_version_or_a_broken_disk_left_is_no_upload_and_is_removed_in_time(small, uploads, about):
    place = create(small, 10)
    folder = uploads.path / place.rpartition("/")[2]
    (folder / "upload.json").write_text(about)
    assert small.head(place).status_code == 404
    create(small, 10)
    assert (promised(uploads.path), folder.is_dir()) == (10, True)
    os.utime(folder, 2 * (folder.stat().st_mtime - KEPT - 1,))
    uploads.tidy()
    assert not folder.exists()


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
    assert (answer.status_code, "disk is full" in answer.json()["detail"]) == (507, True)
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

"""How much is kept: also what is arriving, and what is promised."""

from types import SimpleNamespace

import pytest

from har_ros.service import room as module
from har_ros.service.folder import ServiceFolder
from har_ros.service.room import NoRoomError, Room, number_of_bytes


@pytest.fixture
def folder(tmp_path):
    return ServiceFolder(tmp_path)


def write(folder, name, size):
    (folder.path / name).write_bytes(bytes(size))


def test_what_is_arriving_counts_for_as_long_as_it_does(folder, monkeypatch):
    monkeypatch.setattr(module, "FRESH", 0.0)  # what has arrived is measured, what is arriving cannot be
    room = Room(folder, 1000)
    with room.taking(600, "a", 1000):
        with pytest.raises(NoRoomError, match="500 bytes do not fit into the 400"):
            room.check(500)
        with room.taking(400, "a", 1000), pytest.raises(NoRoomError):
            room.check(1)
    room.check(1000)


def test_what_arrived_counts_before_it_is_measured_again(folder):
    room = Room(folder, 1000)
    with room.taking(600, "a", 1000):
        write(folder, "a", 600)
    with pytest.raises(NoRoomError):
        room.check(401)
    room.check(400)
    (folder.path / "a").unlink()
    room.check(1000)  # it is measured again before anything is refused


def test_what_is_promised_counts(folder, monkeypatch):
    monkeypatch.setattr(module, "FRESH", 0.0)
    uploads = SimpleNamespace(promised=300)
    room = Room(folder, 1000, lambda: uploads.promised)
    write(folder, "a", 500)
    room.check(200)
    with pytest.raises(NoRoomError):
        room.check(201)
    uploads.promised = 0
    room.check(500)


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("-1", 0), ("1.5", 0), ("1_000", 0), ("0" * 30 + "5", 5), ("9" * 5000, 10**18 - 1)]
)
def test_a_header_has_a_number_of_bytes_or_none(text, size):
    assert number_of_bytes(text) == size


def test_there_is_no_more_room_than_the_disk_has(folder, monkeypatch):
    room = Room(folder, 1 << 62)
    with pytest.raises(NoRoomError, match="do not fit"):
        room.check(1 << 61)


def test_what_failed_to_arrive_takes_no_room(folder):
    room = Room(folder, 1000)
    with pytest.raises(ValueError, match="broken"), room.taking(1000, "a", 1000):
        raise ValueError("broken")
    room.check(1000)

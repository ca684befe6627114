"""Cameras and streams that go, and come back."""

import itertools
import logging
import threading
from contextlib import closing

import pytest
from mjpeg_server import camera
from pictures import picture, write_video
from rough_server import FOUND, server
from waiting import WAIT

from har_ros.errors import VideoError
from har_ros.recordings import live
from har_ros.recordings.live import LiveFrames
from har_ros.recordings.source import Source, open_source
from har_ros.recordings.video_file import VideoFile


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(live, "FIRST_WAIT", 0.01)


def messages(caplog):
    return [record.getMessage() for record in caplog.records]


def test_a_stream_that_breaks_off_is_opened_again(impatient, caplog):
    caplog.set_level(logging.INFO, "har_ros")
    with camera(10, 8, 0, 6) as (port, requests):
        source = open_source(f"http://127.0.0.1:{port}/video", give_up=1.0)
        frames = []
        with pytest.raises(VideoError, match="/video gave no images for 1 s; check that it is there and free"):
            frames.extend(source)
    assert len(frames) + source.dropped == 10 + 8 + 6
    assert [frame.index for frame in frames] == sorted(frame.index for frame in frames)
    assert all(a.stamp < b.stamp for a, b in itertools.pairwise(frames))
    assert len(requests) > 4
    gone, back = messages(caplog)  # of the three losses only the first
    assert "/video gives no more images; it is opened again after 0.01 s, and then more and more rarely" in gone
    assert "/video is back after " in back


def test_a_stream_that_is_given_up_at_once_ends_where_it_breaks_off():
    with camera(4, 4) as (port, requests):
        assert len(list(open_source(f"http://127.0.0.1:{port}/", give_up=0))) == 4
    assert len(requests) == 1


def test_a_film_behind_a_link_is_seen_once(tmp_path):
    write_video(tmp_path / "film.avi", 20)
    content = (tmp_path / "film.avi").read_bytes()
    with server(FOUND % len(content) + content) as (port, requests):
        assert len(list(open_source(f"http://127.0.0.1:{port}/film.avi"))) == 20
    assert len(requests) <= 3


class Capture:
    """Stands for cv2.VideoCapture."""

    def __init__(self, frames):
        self.left = frames
        self.released = False

    def read(self):
        assert not self.released
        self.left -= 1
        return (True, picture(1)) if self.left >= 0 else (False, None)

    def get(self, _):
        return -1.0

    def release(self):
        self.released = True


class Waits(threading.Event):
    """Does not wait, and notes for how long it would have; the clock goes on by as much."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.seconds, self.now = [], 0.0
        monkeypatch.setattr(live.time, "monotonic", lambda: self.now)

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        self.now += timeout
        return self.is_set()


def frames_of(monkeypatch, captures, give_up=live.NEVER):
    """Return frames, and how long was waited for them. captures: how many frames each has."""
    first, *others = [Capture(count) for count in captures]
    found = LiveFrames("cam", first, iter(others).__next__, give_up)
    found.stopped = Waits(monkeypatch)
    return found.frames(), found.stopped


def test_the_waiting_grows_up_to_a_limit_and_begins_again(monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "har_ros")
    frames, waits = frames_of(monkeypatch, [2, 0, 0, 0, 0, 0, 0, 3, 0, 1])
    assert [next(frames).shape for _ in range(6)] == [picture(1).shape] * 6
    assert waits.seconds == [1, 2, 4, 8, 16, 30, 30, 1, 2]
    gone, again = messages(caplog)
    assert gone == ("cam gives no more images; it is opened again after 1 s, and then more and more rarely, up to 30 s")
    assert again.startswith("cam gives no more images (2 times so far); ")  # 91 s later


def test_one_that_never_gave_an_image_is_not_opened_again(monkeypatch):
    frames, waits = frames_of(monkeypatch, [0, 3])
    assert list(frames) == waits.seconds == []


def test_it_is_given_up_when_the_user_says_so(monkeypatch):
    frames, waits = frames_of(monkeypatch, [1, 0, 0, 0, 0, 0], give_up=10)
    next(frames)
    with pytest.raises(VideoError, match=r"^cam gave no images for 10 s; check that it is there and free$"):
        next(frames)
    assert waits.seconds == [1, 2, 4, 3]


def test_many_losses_give_one_message_a_minute(monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "har_ros")
    frames, waits = frames_of(monkeypatch, [1] * 1000)
    assert sum(frame is not None for frame in itertools.islice(frames, 999)) == 999
    assert len(messages(caplog)) == pytest.approx(waits.now / 60, abs=1.5)


def test_a_long_absence_is_said_that_follows_a_short_one(monkeypatch, caplog):
    """The first is over after 1 s; of the second nothing is said for a minute, in which it may be over, too."""
    frames, _ = frames_of(monkeypatch, [1, 1, *[0] * 20, 1])
    caplog.set_level(logging.INFO, "har_ros")
    assert sum(1 for _ in itertools.islice(frames, 3)) == 3
    first, back, second, back_again = messages(caplog)
    assert first.startswith("cam gives no more images; ")
    assert back == "cam is back after 1 s"
    assert second.startswith("cam gives no more images (2 times so far); ")
    assert back_again.startswith("cam is back after 5")


def test_a_camera_may_come_back_with_another_size(tmp_path):
    pictures = [picture(100), picture(100), picture(200, 97, 128)]
    frames = list(Source("cam", iter(pictures), 25.0, 0, live=True))
    assert [frame.pixels.shape[:2] for frame in frames] == [(48, 64), (48, 64), (97, 128)]
    with closing(VideoFile(tmp_path / "out.avi", 25.0)) as sink:
        for frame in frames:
            sink.show(frame.pixels)
    written = [frame.pixels for frame in open_source(str(tmp_path / "out.avi"))]
    assert [pixels.shape[:2] for pixels in written] == [(48, 64)] * 3
    assert written[2].mean() == pytest.approx(200, abs=3)


def test_a_source_that_is_left_while_it_is_away_ends_at_once():
    with camera(3) as (port, requests):
        source = open_source(f"http://127.0.0.1:{port}/")
        frames = iter(source)
        for _ in range(3):
            next(frames)
        threading.Timer(0.2, source._stopped.set).start()
        assert source._ended.wait(WAIT)
    assert len(requests) == 1

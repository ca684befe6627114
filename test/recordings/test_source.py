import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from damaged_videos import write_cut
from pictures import picture, write_pictures, write_video
from waiting import WAIT

from har_ros.errors import VideoError
from har_ros.recordings.source import Source, open_source, sensible_rate


def test_frames_of_a_file_come_in_order_with_stamps(tmp_path):
    source = open_source(write_video(tmp_path / "a.avi", 20, rate=10.0))
    assert (source.rate, source.count, source.live) == (10.0, 20, False)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.stamp for frame in frames] == [i * 100_000_000 for i in range(20)]
    brightness = [frame.pixels.mean() for frame in frames]
    np.testing.assert_allclose(brightness, [10 * i for i in range(20)], atol=3)


def test_pictures_of_a_folder_come_in_natural_order(tmp_path):
    folder = write_pictures(tmp_path / "frames", ["1.png", "2.png", "10.png"])
    (tmp_path / "frames" / "notes.txt").touch()
    assert [frame.pixels[0, 0, 0] for frame in open_source(folder)] == [0, 10, 20]


def frames_of(*brightness):
    return iter([picture(value) for value in brightness])


def test_of_a_cameras_frames_the_newest_wait_and_the_others_are_counted():
    ended = threading.Event()

    def camera():
        yield from frames_of(*[1] * 100)
        ended.set()

    source = Source("camera", camera(), 25.0, 0, live=True)
    frames = iter(source)
    first = next(frames)
    assert ended.wait(timeout=WAIT)
    indices = [first.index, *(frame.index for frame in frames)]
    assert indices[-1] == 99
    assert len(indices) + source.dropped == 100
    assert 0 < source.dropped < 40


def test_whatever_ends_the_decoding_is_heard_of():
    def failing():
        yield picture(1)
        raise MemoryError("no room\nat all")

    source = Source("film", failing(), 25.0, 0, live=False)
    assert good_frames(source) == (1, "film cannot be decoded (no room at all); convert it to .mp4")


def test_a_source_that_is_left_has_stopped_decoding():
    """Else a process that ends now is aborted, while OpenCV decodes."""
    left = threading.Event()

    def endless():
        try:
            while True:
                yield picture(1)
        finally:
            left.set()

    for frame in Source("film", endless(), 25.0, 0, live=False):
        if frame.index == 2:
            break
    assert left.is_set()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("absent.mp4", None, "does not exist; give a video file, a folder of pictures, /dev/video0 or rtsp"),
        ("empty.mp4", b"", "cannot be opened as a video: it is none"),
        ("text.mp4", b"no video" * 100, "text.mp4 cannot be opened as a video: it is none"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=reason):
        open_source(str(tmp_path / name))


@pytest.mark.parametrize("uri", ["/dev/video97", "97", "rtsp://127.0.0.1:9/none"])
def test_what_is_no_camera_is_refused(uri):
    with pytest.raises(VideoError, match="cannot be opened as a video; check that it is there and free"):
        open_source(uri)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(VideoError, match=r"holds no pictures \(\.png, .*\); give a folder of them"):
        open_source(str(tmp_path))


def good_frames(source):
    """Return how many came, and what ended them."""
    count = 0
    try:
        for _ in source:
            count += 1
    except VideoError as error:
        return count, str(error)
    return count, ""


def test_a_file_that_ends_early_gives_its_good_frames_and_the_reason(tmp_path):
    path = tmp_path / "a.avi"
    write_video(path, 100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_source(str(path))
    source.count = 100
    count, reason = good_frames(source)
    assert 40 <= count <= 60
    assert reason == f"{path} cannot be read after frame {count} of 100; the results up to there are valid"


def test_a_file_that_was_cut_without_encoding_it_again_is_complete(tmp_path):
    """Its edit list hides what the decoder needs before the cut, as of videos that a phone has trimmed."""
    write_video(tmp_path / "all.mp4", 60, codec="mp4v")
    source = open_source(str(write_cut(tmp_path / "cut.mp4", tmp_path / "all.mp4", 10)))
    assert source.count == 60
    assert good_frames(source) == (50, "")


def test_an_interrupt_while_a_source_is_left_does_not_leave_its_thread_behind():
    """Which would abort the process: Python ends it in the middle of OpenCV."""
    waits_again, finished = threading.Event(), threading.Event()

    class Interrupted(threading.Event):
        waits = 0

        def wait(self, timeout=None):
            self.waits += 1
            if self.waits == 1:
                raise KeyboardInterrupt
            waits_again.set()
            return super().wait(timeout)

    def frames():
        yield picture(0)
        waits_again.wait(WAIT)  # a frame that takes long
        finished.set()

    source = Source("slow", frames(), 25.0, 0, live=False)
    source._ended = Interrupted()
    looked = iter(source)
    next(looked)
    with pytest.raises(KeyboardInterrupt):
        looked.close()
    assert finished.is_set()


INTERRUPTED = """
import signal, sys, threading
from types import SimpleNamespace
import cv2
from har_ros.recordings.source import open_source

patience = float(sys.argv[1])
interrupted, released = threading.Event(), threading.Event()

def opened(uri):
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    interrupted.wait(patience)
    return SimpleNamespace(release=released.set)

cv2.VideoCapture = opened
try:
    open_source("rtsp://camera/")
except KeyboardInterrupt:
    interrupted.set()
    raise SystemExit(0 if released.wait(patience) else "it is still open")
"""


def test_what_a_silent_server_gives_after_an_interrupt_is_released():
    """In a process of its own, which nothing else interrupts, or is interrupted by."""
    command = [sys.executable, "-c", INTERRUPTED, str(WAIT)]
    ended = subprocess.run(command, timeout=3 * WAIT, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("number", ["20261127120000", "99999999999999999999"])
def test_a_number_that_no_camera_has_is_refused(number):
    with pytest.raises(VideoError, match=f"^{number} cannot be opened as a video; check that it is there and free$"):
        open_source(number)


def test_a_change_of_size_gives_the_frames_before_and_the_reason(tmp_path):
    folder = write_pictures(tmp_path / "frames", ["1.png", "2.png"])
    cv2.imwrite(f"{folder}/3.png", picture(1, 20, 30))
    count, reason = good_frames(open_source(folder))
    assert (count, reason) == (
        2,
        f"{folder} changes its size at frame 2 from 64x48 to 30x20; give the parts one by one",
    )


def test_a_broken_picture_gives_the_frames_before_and_the_reason(tmp_path):
    folder = write_pictures(tmp_path / "frames", ["1.png", "2.png"])
    (tmp_path / "frames" / "3.png").write_bytes(b"x")
    count, reason = good_frames(open_source(folder))
    assert (count, reason) == (2, f"{folder}/3.png is no picture that can be read; remove or fix it")


@pytest.mark.parametrize(("rate", "expected"), [(29.97, 29.97), (0, 25), (float("nan"), 25), (90000, 25)])
def test_rates_that_cannot_be_are_replaced(rate, expected):
    assert sensible_rate(rate) == expected

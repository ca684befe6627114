import cv2
import numpy as np
import pytest

from har_ros.errors import VideoError
from har_ros.recordings import video as video_module
from har_ros.recordings.video import Video

FPS, COUNT, STEP = 10, 8, 30


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A film of COUNT grey frames, frame k of brightness k × STEP."""
    path = tmp_path_factory.mktemp("video") / "grey.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (64, 32))
    for k in range(COUNT):
        writer.write(np.full((32, 64, 3), k * STEP, np.uint8))
    writer.release()
    return str(path)


def number(frame):
    return None if frame is None else round(frame.mean() / STEP)


@pytest.mark.parametrize("limit", [1 << 30, 0], ids=["kept in memory", "decoded again"])
def test_frames_come_when_they_are_due_and_loop(path, monkeypatch, limit):
    monkeypatch.setattr(video_module, "MEMORY_LIMIT", limit)
    video = Video(path)
    shown = [number(video.at((k + 0.5) / FPS)) for k in range(3 * COUNT)]
    assert shown == [*range(COUNT)] * 3


def test_a_frame_is_given_once(path):
    video = Video(path)
    assert [number(video.at(t)) for t in (0.0, 0.05, 0.11, 0.12, 0.5)] == [0, None, 1, None, 5]


def test_frames_are_scaled_to_their_longer_side(path):
    assert Video(path, max_side=16).size == (8, 16)
    assert Video(path, max_side=900).size == (32, 64)


def test_memory_is_bounded(path, monkeypatch):
    monkeypatch.setattr(video_module, "MEMORY_LIMIT", 4 * 32 * 64 * 3)
    video = Video(path)
    assert [number(video.at(k / FPS)) for k in range(2 * COUNT)] == [*range(COUNT), *range(COUNT)]
    assert not any(isinstance(held, list) for held in vars(video).values())  # no frames are kept


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_files_that_cannot_be_read_are_refused(tmp_path, capfd, content):
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=r"film\.mp4(' does not exist; | cannot be opened as a video: )"):
        Video(str(path))
    assert capfd.readouterr().err == ""

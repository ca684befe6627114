"""What a video may be."""

import shutil

import cv2
import pytest
from clips import moving, write_video

from har_ros.errors import HarError
from har_ros.service import limits
from har_ros.service.limits import check_video, limit_formats


def test_a_play_list_is_no_video_though_it_is_called_one(tmp_path, video, monkeypatch):
    """FFmpeg would open what it names: other files of the server."""
    shutil.copy(video, tmp_path / "other.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(HarError, match="cannot be opened as a video"):
        check_video(tmp_path / "list.mp4", 60)
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    assert cv2.VideoCapture(str(tmp_path / "list.mp4")).isOpened()
    limit_formats()
    assert not cv2.VideoCapture(str(tmp_path / "list.mp4")).isOpened()
    assert cv2.VideoCapture(str(video)).isOpened()


def test_rare_codecs_and_huge_images_are_refused(tmp_path, monkeypatch):
    rare = write_video(tmp_path / "rare.avi", moving(frames=4), codec="FFV1")
    with pytest.raises(HarError, match="codec is ffv1; convert it"):
        check_video(rare, 60)
    usual = write_video(tmp_path / "usual.mp4", moving(frames=40))
    check_video(usual, 60)
    with pytest.raises(HarError, match="longer than"):
        check_video(usual, 2)
    monkeypatch.setattr(limits, "MOST_PIXELS", 48 * 48 - 1)
    with pytest.raises(HarError, match="48x48 pixels"):
        check_video(usual, 60)

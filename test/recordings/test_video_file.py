import re
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from bags import SECOND
from full_disk import room_for
from pictures import picture

from har_ros.errors import ConfigurationError, VideoError
from har_ros.recordings import video_file
from har_ros.recordings.source import open_source
from har_ros.recordings.video_file import CONTAINERS, VideoFile


def write(path, pictures, rate=25.0):
    video = VideoFile(path, rate)
    for pixels in pictures:
        assert video.show(pixels)
    video.close()
    return path


def boxes(path):
    """Return the names of an MP4's boxes, ISO/IEC 14496-12: size (4 bytes, big-endian) and name, one after another."""
    content, names, place = path.read_bytes(), [], 0
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        names.append(content[place + 4 : place + 8].decode())
        place += size
    return names


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_what_is_written_can_be_read(tmp_path, suffix):
    source = open_source(str(write(tmp_path / f"out{suffix}", [picture(20 * i) for i in range(10)], 12.5)))
    brightness = [frame.pixels.mean() for frame in source]
    assert (source.rate, source.count) == (pytest.approx(12.5), 10)
    np.testing.assert_allclose(brightness, [20 * i for i in range(10)], atol=4)
    assert [path.name for path in tmp_path.iterdir()] == [f"out{suffix}"]


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_frames_have_the_times_of_their_stamps(tmp_path, suffix):
    """Of a clock that also stands still and goes back. An .avi has them at its rate, as without stamps."""
    milliseconds = [0, 40, 41, 41.2, 41.4, 300, 20_000, 10_000, 20_500, 7 * 3_600_000]
    video = VideoFile(tmp_path / f"out{suffix}", 25.0, timed=True)
    for number, time in enumerate(milliseconds):
        video.show(picture(20 * number), 1_700_000_000 * SECOND + round(time * 1e6))
    video.close()
    with av.open(str(video.path)) as container:
        times = [round(1000 * frame.time) for frame in container.decode(video=0)]
    if suffix == ".avi":
        assert times == [40 * number for number in range(10)]
    else:
        assert times == [0, 40, 41, 42, 43, 300, 20_000, 20_001, 20_500, 7 * 3_600_000]


@pytest.mark.parametrize("encoder", video_file.ENCODERS)
@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov"])
def test_browsers_get_h264_with_the_index_in_front(tmp_path, monkeypatch, suffix, encoder):
    if encoder not in av.codecs_available:
        pytest.skip(f"this PyAV's FFmpeg has no {encoder}; install a PyAV that has it")
    monkeypatch.setattr(video_file, "ENCODERS", {encoder: video_file.ENCODERS[encoder]})
    path = write(tmp_path / f"out{suffix}", [picture(20 * i) for i in range(10)])
    order = boxes(path)
    assert order.index("moov") < order.index("mdat")
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert len(list(container.decode(video=0))) == 10


@pytest.mark.parametrize("rate", [1, 7.3, 12.5, 24000 / 1001, 29.97002997002997, 30, 120, 239.76])
def test_the_rate_is_kept(tmp_path, rate):
    path = write(tmp_path / "out.mp4", [picture(20 * i) for i in range(10)], rate)
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(rate, rel=1e-4)
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 10


@pytest.mark.parametrize(("height", "width"), [(49, 65), (48, 65), (3, 2), (2, 2)])
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_odd_sizes_lose_a_row_or_a_column(tmp_path, height, width, suffix):
    path = write(tmp_path / f"out{suffix}", [picture(100, height, width)] * 3)
    frames = [frame.pixels for frame in open_source(str(path))]
    assert [frame.shape for frame in frames] == [(height // 2 * 2, width // 2 * 2, 3)] * 3
    assert abs(frames[2].mean() - 100) < 4


def test_frames_without_a_pixel_of_colour_are_refused(tmp_path):
    video = VideoFile(tmp_path / "out.mp4", 25.0)
    with pytest.raises(VideoError, match="frames of 1x48 are too small"):
        video.show(picture(0, 48, 1))
    video.close()
    assert not list(tmp_path.iterdir())


def test_colours_stay_what_they_are(tmp_path):
    """A patch of each corner of the cube of colours, of which the conversion to YUV and back keeps all but a little."""
    colours = [[b, g, r] for b in (30, 220) for g in (30, 220) for r in (30, 220)]
    pixels = np.repeat(np.repeat(np.array([colours], np.uint8), 64, 0), 32, 1)
    [frame] = [frame.pixels for frame in open_source(str(write(tmp_path / "out.mp4", [pixels])))]
    for number, colour in enumerate(colours):
        np.testing.assert_allclose(frame[32, 32 * number + 16], colour, atol=6)


@pytest.mark.parametrize("name", ["a:b.mp4", "100%d.mp4", "ä ö.mp4", "?x=1.mp4"])
def test_names_mean_files_only(tmp_path, name):
    write(tmp_path / name, [picture(100)])
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("out.txt", "give a file that ends in .mp4"), ("no/out.mp4", "its folder"), ("folder.mp4", "which is a folder")],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, reason):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(ConfigurationError, match=f"cannot write .*{reason}"):
        VideoFile(tmp_path / name, 25.0)


def test_a_folder_that_takes_no_files_is_refused_at_once():
    with pytest.raises(ConfigurationError, match=r"cannot write '/proc/out.mp4' \(.+\); check folder and disk"):
        VideoFile(Path("/proc/out.mp4"), 25.0)


def test_an_ffmpeg_without_h264_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(video_file, "ENCODERS", {"no-such-encoder": {}})
    with pytest.raises(ConfigurationError, match=re.escape("pip install av, or give a file that ends in .avi")):
        VideoFile(tmp_path / "out.mp4", 25.0)
    write(tmp_path / "out.avi", [picture(100)])


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_full_disk_is_reported_and_nothing_stays(tmp_path, suffix):
    """Wherever in the file the room ends: at its start, in the frames, or in the index that goes in front."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 96, 128, 3), np.uint8)
    whole = write(tmp_path / f"whole{suffix}", noise).stat().st_size
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"an older video")
    for size in (0, 10, whole // 2, whole - 900, whole - 100, whole - 1):
        with room_for(size), pytest.raises(VideoError, match=r"cannot write .*\(.+\); check folder and disk"):
            write(path, noise)
        assert path.read_bytes() == b"an older video"
        assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, f"whole{suffix}"]
    with room_for(whole):
        write(path, noise)
    assert path.stat().st_size == whole


def test_a_video_that_failed_stays_failed(tmp_path):
    """The disk that was full has room again: what would be written now lacks its beginning."""
    video = VideoFile(tmp_path / "out.mp4", 25.0)
    noise = np.random.default_rng(0).integers(0, 256, (200, 96, 128, 3), np.uint8)
    with room_for(20), pytest.raises(VideoError, match="cannot write"):
        list(map(video.show, noise))
    with pytest.raises(VideoError, match="cannot write"):
        video.show(noise[0])
    with pytest.raises(VideoError, match="cannot write"):
        video.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not there; run it on Linux")
def test_what_cannot_even_be_closed_does_not_stay(tmp_path):
    """Nothing can be written to /dev/full, not even what FFmpeg writes when it closes the file."""
    video = VideoFile(tmp_path / "out.mkv", 25.0)
    (tmp_path / ".out.part.mkv").unlink()
    (tmp_path / ".out.part.mkv").symlink_to("/dev/full")
    noise = np.random.default_rng(0).integers(0, 256, (200, 96, 128, 3), np.uint8)
    with pytest.raises(VideoError, match="No space left on device"):
        list(map(video.show, noise))
    assert not list(tmp_path.iterdir())


def test_a_file_without_frames_does_not_appear(tmp_path):
    write(tmp_path / "out.mp4", [])
    assert not list(tmp_path.iterdir())


def test_a_video_that_is_given_up_leaves_nothing(tmp_path):
    video = VideoFile(tmp_path / "out.mp4", 25.0)
    video.show(picture(100))
    video.discard()
    assert not list(tmp_path.iterdir())

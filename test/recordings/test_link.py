"""A film behind a link: its end is told from a connection that breaks off."""

from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest
from damaged_videos import COUNT, RATE, numbered, write_cut, write_numbered
from pictures import write_video
from rough_server import server

from har_ros.commands.main import main
from har_ros.errors import VideoError
from har_ros.recordings.source import open_source
from har_ros.recordings.video_file import VideoFile


@contextmanager
def link(path, part=1.0, once=False):
    """Yield an address at which so much of a file comes before the connection is closed. once: then nothing."""
    content = path.read_bytes()

    def answer(send, request, stopped):
        if not (once and len(requests) > 1):
            send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content))
            send(content[: round(part * len(content))])

    with server(answer) as (port, requests):
        yield f"http://127.0.0.1:{port}/{path.name}"


def looked(address):
    """Return the frames of a film, and what is said at their end."""
    frames = []
    try:
        frames.extend(open_source(address))
    except VideoError as error:
        return frames, str(error)
    return frames, ""


def film(path):
    """Write a film that can be played while it comes: its index is in front."""
    if path.suffix != ".mp4":
        return write_numbered(path)
    file = VideoFile(path, RATE)
    for number in range(COUNT):
        file.show(numbered(number))
    file.close()
    return path


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_film_that_breaks_off_is_said(tmp_path, suffix, once):
    with link(film(tmp_path / f"a.{suffix}"), 0.6, once) as address:
        frames, said = looked(address)
    assert 40 < len(frames) < 70
    at = f"broke off after frame {len(frames)} of {COUNT}, at {(len(frames) - 1) / RATE:.1f} s"
    assert said == f"{address} {at}; the results up to there are valid; try it again, or fetch the file first"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_whole_film_has_an_end(tmp_path, suffix):
    with link(film(tmp_path / f"a.{suffix}")) as address:
        frames, said = looked(address)
    assert (len(frames), said) == (COUNT, "")


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_film_with_more_to_hear_or_at_any_rate_is_whole(tmp_path, suffix):
    """The header of an .mkv has no number of frames: it is estimated of a length, which is that of the sound."""
    path = tmp_path / f"a.{suffix}"
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        video, sound = container.add_stream("libx264", rate=RATE), container.add_stream("aac", rate=8000)
        video.width = video.height = 96
        for number in range(COUNT // 2):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
            frame.pts, frame.time_base = number if number < 20 else 2 * number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8 * 8000), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        for stream, last in ((video, None), (sound, silence), (sound, None)):
            container.mux(stream.encode(last))
    with link(path) as address:
        frames, said = looked(address)
    assert (len(frames), said) == (COUNT // 2, "")


def test_a_film_that_was_cut_without_encoding_it_again_is_whole(tmp_path):
    """Its header counts the frames before the cut, too, which nobody sees."""
    path = write_video(tmp_path / "all.mp4", 60, codec="mp4v")
    with link(write_cut(tmp_path / "cut.mp4", path, 10)) as address:
        frames, said = looked(address)
    assert (len(frames), said) == (50, "")


@pytest.mark.parametrize("who", ["admin:secret@", "admin:an@secret@"])
def test_a_password_is_said_nowhere(tmp_path, who):
    """Most cameras have one, and logs are kept."""
    asked = f"http://{who}127.0.0.1:9/live?token=secret"
    with pytest.raises(VideoError, match=r"^http://127\.0\.0\.1:9/live\?… cannot be opened as a video; check"):
        open_source(asked)
    with link(film(tmp_path / "a.mp4"), 0.6) as address:
        with_password = address.replace("http://", f"http://{who}")
        assert open_source(with_password).name == address
        frames, said = looked(with_password)
    assert said.startswith(f"{address} broke off after frame {len(frames)} of {COUNT}")


def test_the_command_keeps_what_came_and_fails(brightness_card, tmp_path, capsys):
    with link(film(tmp_path / "a.mp4"), 0.6) as address:
        assert main([address, "--model", str(brightness_card), "--json"]) == 1
        shown = capsys.readouterr()
    assert shown.out.count('"frame"') > 1
    assert shown.err.count(f"{address} broke off after frame ") == 1

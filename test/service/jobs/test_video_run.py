"""What a job writes while it runs."""

import json
from types import SimpleNamespace

import av
import pytest
from damaged_videos import COUNT, RATE, damage, write_numbered

from har_ros.errors import VideoError
from har_ros.pipeline.recognition import Networks
from har_ros.recordings.source import open_source
from har_ros.recordings.video_file import VideoFile
from har_ros.service.folder import RESULT, VIDEO, WINDOWS
from har_ros.service.jobs import run as module
from har_ros.service.jobs.run import SHARE, VideoRun


def test_summaries_take_a_small_share_of_the_time_however_long_each_takes(tmp_path, models, video, monkeypatch):
    now, written = [0.0], []

    def monotonic():
        now[0] += 0.2
        return now[0]

    def write_slowly(path, content):
        now[0] += 0.1
        written.append(content)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=monotonic))
    monkeypatch.setattr(module, "write_json", write_slowly)
    monkeypatch.setattr(module, "PERIOD", 1e9)
    with Networks.open(str(models / "tiny")) as networks:
        run = VideoRun(networks, open_source(str(video)), str(video), tmp_path, video.name)
        noted = 0
        for _ in run.frames(3600):
            noted += 1
            assert (tmp_path / WINDOWS).read_text().count("\n") == run.windows
    assert 1 < len(written) <= 1 + SHARE * now[0] / 0.1
    assert noted > 10


def test_a_job_that_takes_long_to_come_back_to_its_checkpoint_goes_on(tmp_path, models, video, monkeypatch):
    """Nothing is saved of the frames that were looked at before: they are in the parts that are there."""
    with Networks.open(str(models / "tiny")) as networks:

        def run():
            return VideoRun(networks, open_source(str(video)), str(video), tmp_path, video.name)

        monkeypatch.setattr(module, "PERIOD", 0.0)
        first = run()
        for _ in first.frames(3600):
            if list(tmp_path.glob("part-*")):  # killed after its first checkpoint
                break
        first.discard()
        second = run()
        for _ in second.frames(3600):
            pass
        second.write()
    assert second.count == 60


def test_of_a_damaged_video_the_rest_is_there_with_a_note(tmp_path, models):
    """Its annotated video is as long as it is."""
    path = damage(write_numbered(tmp_path / "a.mkv"), 42)
    with Networks.open(str(models / "tiny")) as networks:
        run = VideoRun(networks, open_source(str(path)), str(path), tmp_path, path.name)
        for _ in run.frames(3600):
            pass
        run.write()
    result = json.loads((tmp_path / RESULT).read_text())
    assert result["note"].startswith(f"1 place of {path} could not be decoded, the first at 1.68 s; ")
    assert result["frames"] == COUNT
    assert result["windows"][-1]["end"] > (COUNT - 5) / RATE
    with av.open(str(tmp_path / VIDEO)) as container:
        assert container.streams.video[0].frames == COUNT


def test_a_part_that_cannot_be_written_is_no_damage_of_the_video(tmp_path, models, video, monkeypatch):
    """The annotated video would lack it."""
    errors = [VideoError("cannot write (no space); check folder and disk")]

    class Full(VideoFile):
        def close(self):
            if run.windows and errors:
                self.discard()
                raise errors.pop()
            super().close()

    monkeypatch.setattr(module, "PERIOD", 0.0)
    monkeypatch.setattr(module, "SHARE", 1e9)
    monkeypatch.setattr(module, "VideoFile", Full)
    with Networks.open(str(models / "tiny")) as networks:
        run = VideoRun(networks, open_source(str(video)), str(video), tmp_path, video.name)
        with pytest.raises(VideoError, match="cannot write"):
            list(run.frames(3600))

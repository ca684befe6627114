"""What is taken in of a clip that was sent."""

import pytest
from damaged_videos import COUNT, damage, number_of, write_by_decoding, write_numbered

from har_ros.errors import VideoError
from har_ros.recordings.source import open_source
from har_ros.service.teaching.intake import take_in


def test_a_damaged_clip_is_refused_as_teaching_leaves_it_out(tmp_path):
    sent, clip = damage(write_numbered(tmp_path / "a.mkv"), 42), tmp_path / "clips" / "a.mp4"
    with pytest.raises(VideoError, match=r"1 place of .*a\.mkv could not be decoded, the first at 1\.68 s"):
        take_in(sent, clip, 60.0)
    assert not list(clip.parent.iterdir())


def test_a_clip_keeps_its_time_where_a_look_ahead_was_needed(tmp_path):
    clip = tmp_path / "clips" / "a.mp4"
    take_in(write_by_decoding(tmp_path / "a.mp4"), clip, 60.0)
    shown = [number_of(frame.pixels) for frame in open_source(str(clip))]
    assert shown == sorted(shown)
    assert COUNT <= len(shown) <= COUNT + 2

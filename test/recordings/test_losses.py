"""A video of which places are damaged gives all that can be decoded, in its place, and says so once."""

import logging
from itertools import pairwise

import av
import numpy as np
import pytest
from damaged_videos import CONTAINERS, COUNT, RATE, damage, number_of, places_of, write_by_decoding, write_numbered
from hypothesis import given
from hypothesis import strategies as st

from har_ros.commands.main import main
from har_ros.errors import VideoError
from har_ros.frames.sampling import SECOND
from har_ros.recordings import losses
from har_ros.recordings.bag import open_recording
from har_ros.recordings.glance import Excerpt, glance
from har_ros.recordings.losses import LEAST_FAILURES, MOST_FAILURES, Losses
from har_ros.recordings.recording import BagError
from har_ros.recordings.source import open_source
from har_ros.recordings.video import Video

PLACES = "could not be decoded, the first at"


def looked(path):
    """Return the frames, and what is said at their end."""
    frames = []
    try:
        frames.extend(open_source(str(path)))
    except VideoError as error:
        return frames, str(error)
    return frames, ""


def are_in_their_places(frames, *damaged):
    """Say whether frames have the indices and stamps of what they show; those of a damaged GOP may show another."""
    shown = [(frame.index, number_of(frame.pixels)) for frame in frames]
    far = [(index, number) for index, number in shown if all(not 0 <= index - one // 10 * 10 < 11 for one in damaged)]
    later = all(one[0] < other[0] for one, other in pairwise(shown))
    stamped = all(frame.stamp == round(frame.index / RATE * SECOND) for frame in frames)
    return later and stamped and len(far) >= COUNT - 11 * len(damaged) and all(one == other for one, other in far)


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_frames_behind_a_damaged_one_are_in_their_places(tmp_path, suffix):
    path = damage(write_numbered(tmp_path / f"a.{suffix}"), 42, 71)
    frames, said = looked(path)
    assert said.startswith(f"2 places of {path} {PLACES} 1.")
    assert said.endswith(" s; the results of the rest are valid")
    assert len(frames) == COUNT - 2
    assert sum(frame.lost for frame in frames) == 2
    assert are_in_their_places(frames, 42, 71)


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_longer_place_is_one(tmp_path, suffix):
    path = damage(write_numbered(tmp_path / f"a.{suffix}"), 42, 43, 44, 45)
    frames, said = looked(path)
    assert said.startswith(f"1 place of {path} {PLACES} 1.6")
    assert are_in_their_places(frames, 42)
    assert frames[-1].index == COUNT - 1


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_video_that_begins_damaged_keeps_its_time(tmp_path, suffix):
    path = damage(write_numbered(tmp_path / f"a.{suffix}"), 0)
    frames, said = looked(path)
    assert said.startswith(f"1 place of {path} {PLACES} 0.00 s")
    assert frames[0].index == frames[0].lost > 0
    assert are_in_their_places(frames, 0)


def test_a_damaged_keyframe_among_frames_that_were_put_out_of_their_order(tmp_path):
    path = damage(write_numbered(tmp_path / "a.ts", reordered=True), 40)
    frames, said = looked(path)
    assert said.startswith(f"1 place of {path} {PLACES} 1.")
    shown = {frame.index: number_of(frame.pixels) for frame in frames}
    assert [shown[index] for index in range(50, COUNT)] == list(range(50, COUNT))


def test_times_of_decoding_are_no_damage(tmp_path):
    frames, said = looked(write_by_decoding(tmp_path / "a.mp4"))
    assert said == ""
    assert [(frame.index, number_of(frame.pixels)) for frame in frames] == [(one, one) for one in range(COUNT)]


def test_packets_of_which_nothing_is_left_are_missed(tmp_path):
    """FFmpeg goes on with the next cluster of an .mkv, without a word."""
    path = write_numbered(tmp_path / "a.mkv")
    places, content = places_of(path), bytearray(path.read_bytes())
    content[places[40][0] - 8 : places[60][0]] = bytes(places[60][0] - places[40][0] + 8)
    path.write_bytes(content)
    whole, said = looked(path)
    assert said.startswith(f"1 place of {path} {PLACES} 1.")
    assert whole[-1].index == COUNT - 1
    behind = [frame for frame in whole if frame.index > 70]
    assert [number_of(frame.pixels) for frame in behind] == [frame.index for frame in behind]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_video_whose_rate_varies_is_whole(tmp_path, suffix):
    path = write_numbered(tmp_path / f"a.{suffix}", at=lambda number: number + 5 * (number // 10))
    frames, said = looked(path)
    assert (said, [frame.index for frame in frames]) == ("", list(range(COUNT)))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_an_end_that_cannot_be_decoded_is_said(tmp_path, suffix):
    path = damage(write_numbered(tmp_path / f"a.{suffix}"), *range(60, COUNT))
    frames, said = looked(path)
    assert said.startswith(f"{path} cannot be read after frame {len(frames)} of {COUNT}")
    assert 50 <= len(frames) <= 60


@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_an_end_that_is_not_there_is_said(tmp_path, suffix):
    path = write_numbered(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[: places_of(path)[60][0]])
    frames, said = looked(path)
    assert 50 <= len(frames) <= 60
    assert said == f"{path} cannot be read after frame {len(frames)} of {COUNT}; the results up to there are valid"


def test_what_is_read_is_bounded(monkeypatch):
    """Whatever a damaged header says."""
    asked = []
    nothing = losses.Packets(np.zeros(0), 0.0, rising=False)
    monkeypatch.setattr(losses, "packets", lambda name, step, most: asked.append(most) or nothing)
    Losses("a", 25.0, 10**12).after()
    assert asked == [MOST_FAILURES]
    assert Losses("a", 25.0, 10**12).patience(0) == MOST_FAILURES
    assert Losses("a", 25.0, 0).patience(0) == Losses("a", 25.0, 100).patience(100) == LEAST_FAILURES
    assert Losses("a", 25.0, 1000).patience(100) == 900


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return [write_numbered(tmp_path_factory.mktemp("videos") / f"a.{suffix}") for suffix in CONTAINERS]


@given(st.data())
def test_any_damage_gives_frames_and_one_sentence(videos, data):
    video = data.draw(st.sampled_from(videos))
    content = np.frombuffer(video.read_bytes(), np.uint8).copy()
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    for _ in range(data.draw(st.integers(0, 5))):
        place, length = random.integers(len(content)), 2 ** random.integers(12)
        content[place : place + length] = random.integers(256) if random.integers(2) else content[:length][::-1][0]
        content[random.integers(len(content))] = random.integers(256)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path = video.with_stem("damaged")
    path.write_bytes(content.tobytes())
    frames, said = looked(path)
    assert "\n" not in said
    assert "; " in said or not said
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert len(frames) <= 2 * COUNT


def test_a_range_with_a_damaged_place_is_left_to_who_reads_the_whole(tmp_path):
    path = damage(write_numbered(tmp_path / "a.mp4"), 42)
    recording = open_recording(path)
    seen = glance(recording)
    assert len(list(Excerpt(recording, seen, 92, 96).images())) == 96
    with pytest.raises(BagError, match="other images than were seen"):
        list(Excerpt(recording, seen, 30, 60).images())
    with pytest.raises(BagError, match=PLACES):
        list(recording.images())


def test_a_bag_of_a_damaged_video_keeps_its_time(tmp_path, capsys):
    path = damage(write_numbered(tmp_path / "a.mkv"), 42)
    assert main(["record", str(path), "-o", str(tmp_path / "bag")]) == 1
    assert capsys.readouterr().err.count(PLACES) == 1
    arrivals = [recorded.arrival for recorded in open_recording(tmp_path / "bag").images()]
    assert len(arrivals) == COUNT - 1
    assert arrivals[-1] - arrivals[0] == (COUNT - 1) * SECOND // RATE


def test_a_damaged_video_is_played_to_its_end(tmp_path, caplog):
    video = Video(str(damage(write_numbered(tmp_path / "a.mp4"), 42)))
    with caplog.at_level(logging.WARNING):
        shown = [number_of(video.at((number + 0.5) / RATE)) for number in range(3 * COUNT)]
    assert shown[90] == 91
    assert shown[COUNT - 1 : COUNT + 1] == [0, 1]
    assert [record.message for record in caplog.records] == [
        f"video '{tmp_path}/a.mp4' has frames that cannot be decoded; they are left out"
    ]


def test_an_avi_that_was_recorded_with_gaps_is_whole(tmp_path):
    """Its header counts the frames that were left out, too."""
    path = write_numbered(tmp_path / "a.avi", at=lambda number: number + number // 50 * 30)
    frames, said = looked(path)
    assert (said, len(frames)) == ("", COUNT)
    path.write_bytes(path.read_bytes()[: places_of(path)[60][0]])
    frames, said = looked(path)
    assert said.startswith(f"{path} cannot be read after frame 60 of {COUNT + 30}")


@pytest.mark.parametrize("ends", [True, False])
def test_a_cut_that_begins_before_a_keyframe_has_its_end(tmp_path, ends):
    """What cannot be shown without the keyframe is not missing at the end, which may be missing nevertheless."""
    with av.open(str(write_numbered(tmp_path / "a.mp4"))) as whole, av.open(str(tmp_path / "b.mp4"), "w") as copy:
        stream = copy.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if packet.size and number >= 38:
                packet.stream = stream
                copy.mux(packet)
    path = tmp_path / "b.mp4" if ends else damage(tmp_path / "b.mp4", *range(30, 62))
    frames, said = looked(path)
    assert number_of(frames[0].pixels) > 41
    assert said == "" if ends else said.startswith(f"{path} cannot be read after frame")

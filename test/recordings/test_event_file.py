"""Files of events, read by others: the truth's reader, and FFmpeg's demuxers and decoders of subtitles."""

import json
from dataclasses import replace

import av
import pytest
from full_disk import room_for

from har_ros.errors import ConfigurationError, HarError
from har_ros.pipeline.events import Event, EventState
from har_ros.recordings.event_file import GrowingEventFile, write_events
from har_ros.truth.segments import load_truth

SECOND = 1_000_000_000
EVENTS = [
    Event(
        2, 'a, "b" & <i>c</i>', 61_500_000_000, 3_725_250_000_000, 0.87654, EventState.ENDED, "p12ab34_3", 62 * SECOND
    ),
    Event(1, "waving", 12_400_000_000, 14_100_000_000, 0.5, EventState.ENDED, said=13_600_400_000),
]


def written(path, origin=0):
    write_events(path, EVENTS, origin)
    return path


def subtitles(path):
    """Start and end in seconds, and text."""
    with av.open(str(path)) as container:
        [stream] = container.streams
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert stream.time_base == 1 / 1000 or float(stream.time_base) == 0.001
        times = [(packet.pts / 1000, (packet.pts + packet.duration) / 1000) for packet in packets]
        return [(*time, bytes(packet).decode()) for time, packet in zip(times, packets, strict=True)]


def test_csv_is_a_file_of_truth(tmp_path):
    segments = load_truth(written(tmp_path / "events.csv"))
    assert [(one.start, one.end, one.label) for one in segments] == [
        (12.4, 14.1, "waving"),
        (61.5, 3725.25, EVENTS[0].label),
    ]
    header, first, _ = (tmp_path / "events.csv").read_text().splitlines()
    assert (header, first) == ("start,end,label,score,person,said", "12.4,14.1,waving,0.5,,13.6")


@pytest.mark.parametrize("start", [0, 1_500_000, 1_700_000_000_123_500_000])
def test_an_event_of_one_window_has_a_length(tmp_path, start):
    event = replace(EVENTS[1], start=start, end=start)
    write_events(tmp_path / "events.csv", [event])
    [segment] = load_truth(tmp_path / "events.csv")
    assert 0 < segment.end - segment.start < 0.004
    write_events(tmp_path / "events.vtt", [event], start)
    [(begin, end, _)] = subtitles(tmp_path / "events.vtt")
    assert begin < end


def test_json_has_all_of_them(tmp_path):
    content = json.loads(written(tmp_path / "events.JSON").read_text())
    assert content["format"] == "har_ros events 1"
    first = {"start": 12.4, "end": 14.1, "label": "waving", "score": 0.5, "person": "", "said": 13.6}
    assert content["events"][0] == first
    assert content["events"][1] == {
        **first,
        "start": 61.5,
        "end": 3725.25,
        "label": EVENTS[0].label,
        "score": 0.8765,
        "person": "p12ab34_3",
        "said": 62.0,
    }


@pytest.mark.parametrize("origin", [0, 2 * SECOND])
def test_players_read_the_subtitles(tmp_path, origin):
    late = origin / SECOND
    expected = [(12.4 - late, 14.1 - late, "waving"), (61.5 - late, 3725.25 - late, f"person 3: {EVENTS[0].label}")]
    assert subtitles(written(tmp_path / "events.srt", origin)) == expected
    expected[1] = (*expected[1][:2], 'person 3: a, "b" &amp; &lt;i&gt;c&lt;/i&gt;')
    assert subtitles(written(tmp_path / "events.vtt", origin)) == expected


def test_subtitles_have_the_times_of_the_csv(tmp_path):
    """To the nearest thousandth, also where a stamp in nanoseconds lies above the middle of two."""
    event = replace(EVENTS[1], start=12_399_600_000, end=14_100_400_000)
    write_events(tmp_path / "events.srt", [event])
    write_events(tmp_path / "events.csv", [event])
    assert "00:00:12,400 --> 00:00:14,100" in (tmp_path / "events.srt").read_text()
    assert (tmp_path / "events.csv").read_text().splitlines()[1].startswith("12.4,14.1,")


@pytest.mark.parametrize("suffix", ["csv", "json", "srt", "vtt"])
def test_a_file_without_events_can_be_read(tmp_path, suffix):
    path = tmp_path / f"events.{suffix}"
    write_events(path, [])
    if suffix == "csv":
        assert load_truth(path) == ()
    elif suffix == "json":
        assert json.loads(path.read_text())["events"] == []
    elif suffix == "vtt":  # an empty .srt is nothing that FFmpeg recognises
        assert subtitles(path) == []


def test_other_names_and_places_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"ends in \.csv, \.json, \.srt, \.vtt$"):
        written(tmp_path / "events.txt")
    with pytest.raises(HarError, match="cannot write"):
        written(tmp_path / "missing" / "events.csv")


@pytest.mark.parametrize("suffix", ["csv", "json", "srt", "vtt"])
def test_a_file_that_grows_is_complete_after_each_event(tmp_path, suffix):
    grown, whole = tmp_path / f"grown.{suffix}", tmp_path / f"whole.{suffix}"
    growing = GrowingEventFile(grown)
    for first in range(3):
        growing.append(EVENTS[::-1][first : first + 1], 2 * SECOND)
        write_events(whole, EVENTS[::-1][: first + 1], 2 * SECOND)
        assert grown.read_bytes() == whole.read_bytes()
    growing.close()


def test_a_file_that_grows_is_never_written_over(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("those of last night")
    with pytest.raises(HarError, match=r"cannot write .*events\.csv \(File exists\)"):
        GrowingEventFile(path)
    assert path.read_text() == "those of last night"


def test_where_a_file_that_grows_cannot_begin_none_is_left(tmp_path):
    path = tmp_path / "events.csv"
    with room_for(10), pytest.raises(HarError, match=r"cannot write .*File too large"):
        GrowingEventFile(path)
    assert not path.exists()
    GrowingEventFile(path).close()


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_on_a_full_disk_a_file_that_grows_keeps_the_events_before(tmp_path, suffix):
    path = tmp_path / f"events.{suffix}"
    growing = GrowingEventFile(path)
    growing.append(EVENTS[1:])
    before = path.read_bytes()
    with room_for(len(before) + 20), pytest.raises(HarError, match=r"cannot write .*File too large"):
        growing.append(EVENTS[:1])
    assert path.read_bytes() == before
    growing.append(EVENTS[:1])  # there is room again
    growing.close()
    grown = path.read_bytes()
    write_events(path, EVENTS)
    assert grown == path.read_bytes()

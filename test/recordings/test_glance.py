"""Parts of recordings are what they are in the whole, wherever one begins to read."""

import hashlib
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from bags import damaged_bag, image, series, split_bag, values_of, write_bag, write_ros1
from clips import moving, write_video

from har_ros.frames.sampling import StreamSettings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.bag import RAW, Bag, open_recording
from har_ros.recordings.glance import RANGE, RANGES, Excerpt, borders, firsts, glance
from har_ros.recordings.recording import BagError


def write_h264(path, count=90, varying=True, **options):
    """Write a video with frames that refer to later ones, a keyframe in 30, and any time between two frames."""
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "3", "g": "30", **options})
        stream.width = stream.height = 64
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        at = 0
        for pixels in moving(frames=count, size=64):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="bgr24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            at += int(rng.integers(10, 90)) if varying else 40
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def two_cameras(late=0.0):
    return [
        *series(values_of(1, 60), period=0.04),
        *series(values_of(2, 30), "/cam02/image_raw", period=0.08, late=late, frame_id="cam02"),
    ]


def write_pictures(path):
    path.mkdir()
    for number, pixels in enumerate(moving(frames=30)):
        cv2.imwrite(str(path / f"{number}.png"), pixels)
    return path


RECORDINGS = {
    "varying.mp4": write_h264,
    "open.mp4": lambda path: write_h264(path, x264opts="open-gop=1"),
    "steady.mkv": lambda path: write_h264(path, varying=False),
    "steady.mp4": lambda path: write_video(path, moving(frames=70)),
    "one.avi": lambda path: write_video(path, moving(frames=40)),
    "pictures": write_pictures,
    "mcap": lambda path: write_bag(path, two_cameras()),
    "late": lambda path: write_bag(path, two_cameras(late=0.3)),
    "sqlite": lambda path: write_bag(path, two_cameras(), "sqlite3"),
    "split": lambda path: split_bag(path, sorted(two_cameras(), key=lambda item: item[2])),
    "ros1.bag": lambda path: write_ros1(path, two_cameras()),
}


def what_it_is(recorded):
    image = recorded.image
    return recorded.camera, recorded.arrival, image.stamp, image.frame_id, hashlib.sha256(image.data).digest()


def is_the_whole(recording, step=7):
    whole = list(map(what_it_is, recording.images()))
    seen = glance(recording)
    assert seen.count == len(whole)
    for first in range(0, len(whole) + 1, step):
        stop = min(first + 5, len(whole)) if first % 3 else len(whole)
        parts = list(Excerpt(recording, seen, first, stop).images())
        blanks = [(one.camera, one.arrival, one.image.stamp, one.image.frame_id) for one in parts[:first]]
        assert blanks == [one[:4] for one in whole[:first]]
        assert list(map(what_it_is, parts[first:])) == whole[first:stop]


@pytest.mark.parametrize("name", RECORDINGS)
def test_an_excerpt_is_as_in_the_whole(tmp_path, name):
    is_the_whole(open_recording(RECORDINGS[name](tmp_path / name)))


def test_an_excerpt_of_a_phones_video_is_as_in_the_whole(shared_data):
    """The time between two frames varies."""
    is_the_whole(open_recording(shared_data / "falls" / "s2_fall_13.mp4"), 25)


def test_what_changed_since_it_was_seen_is_refused(tmp_path):
    recording = Bag(write_bag(tmp_path / "one", two_cameras()))
    seen = glance(recording)
    with pytest.raises(BagError, match="has other images than were seen"):
        list(Excerpt(recording, replace(seen, stamp=seen.stamp + 1), 30, 90).images())
    longer = Bag(write_bag(tmp_path / "longer", [*two_cameras(), *series([1], "/cam03/image_raw")]))
    with pytest.raises(BagError, match="has changed; do it again"):
        Excerpt(longer, seen, 30, 90)


@pytest.mark.parametrize("missing", [-1, 1])
def test_another_number_of_frames_than_the_container_says_is_noticed(tmp_path, missing):
    recording = open_recording(write_h264(tmp_path / "a.mp4"))
    seen = glance(recording)
    numbers = np.arange(seen.count + missing)
    arrays = {name: np.resize(getattr(seen, name), len(numbers)) for name in ("camera", "frame")}
    stamps = np.array([round(number / recording.rate * 1e9) for number in numbers])
    other = replace(seen, **arrays, arrival=stamps, stamp=stamps)
    with pytest.raises(BagError, match="has other images than were seen"):
        list(Excerpt(recording, other, 60, other.count).images())


def test_what_cannot_be_read_to_its_end_is_not_divided(tmp_path):
    assert glance(Bag(damaged_bag(tmp_path / "damaged"))) is None
    items = [*series(values_of(1, 9)), ("/cam01/image_raw", RAW, image(0, 0).header.stamp.sec * 10**9, b"\0\1\0\0")]
    assert glance(Bag(write_bag(tmp_path / "broken", items))) is None


def test_ranges_depend_on_the_recording_alone():
    assert borders(2 * RANGE - 1, 1) == [0, 2 * RANGE - 1]
    assert borders(2 * RANGE, 1) == [0, RANGE, 2 * RANGE]
    assert borders(5 * RANGE, 2) == [0, 2 * RANGE + RANGE // 2, 5 * RANGE]
    assert len(borders(1000 * RANGE, 1)) == RANGES + 1


@pytest.mark.parametrize("settings", [{}, {"skip_frames": 2}, {"sample_rate": 60.0}, {"sample_rate": 10.0}])
def test_all_images_of_a_window_are_read(brightness_card, tmp_path, settings):
    """Where a range begins, windows are filled with what is read from the image on that is said to be the first."""
    recording = Bag(write_bag(tmp_path / "bag", two_cameras(late=0.2)))
    seen = glance(recording)
    with Recognizer.open(str(brightness_card)) as recognizer:

        def streams():
            return {name: recognizer.stream(StreamSettings(**settings)) for name in seen.cameras}

        places = list(range(0, seen.count, 5))
        for place, first in zip(places, firsts(seen, places, streams()), strict=True):
            whole, part = streams(), streams()
            for name in seen.cameras:
                part[name].memory.window.slot()[:] = 0
            for of, begin in ((whole, 0), (part, first)):
                for recorded in Excerpt(recording, seen, begin, place).images():
                    of[recorded.camera].push(recorded.image)
            for name in seen.cameras:
                np.testing.assert_array_equal(part[name].memory.window.newest, whole[name].memory.window.newest)

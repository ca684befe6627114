import pytest
from bags import SECOND, T0, TOPIC, image, series, write_bag
from hypothesis import given
from hypothesis import strategies as st

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ImageError, ModelError
from har_ros.evaluate.replay import Replay, Seen
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings
from har_ros.recordings.bag import open_recording
from har_ros.recordings.recording import Recorded

EVERY = StreamSettings(max_gap=0.0)
SCORES = ScoreSettings(top_k=4, threshold=0.0)


@pytest.fixture(scope="module")
def recognizer(brightness_card):
    with Recognizer.open(str(brightness_card), BackendSettings("openvino")) as recognizer:
        yield recognizer


def recorded(value, arrival, stamp=None, camera=TOPIC, size=8):
    pixels = image(value, 0, size=size).data.reshape(size, size, 3)
    return Recorded(camera, round(arrival * SECOND), CameraImage.of_array(pixels, round((stamp or arrival) * SECOND)))


def play(recognizer, items, streams=EVERY, scores=SCORES, cameras=(TOPIC,), inference_time=0.0):
    replay = Replay(recognizer, cameras, streams, scores, inference_time=inference_time)
    return [step for step in replay.play(items) if isinstance(step, Seen)], replay.counts()


def ends(seen, camera=TOPIC):
    return [one.result.end / SECOND for one in seen if one.camera == camera]


def test_every_window_runs_and_is_that_of_a_stream(tmp_path, recognizer):
    values = [10, 60, 30, 90, 20, 50, 80]
    recording = open_recording(write_bag(tmp_path / "bag", series(values, late=0.1)))
    seen, counts = play(recognizer, recording.images())
    stream = recognizer.stream(EVERY)
    expected = []
    for item in recording.images():
        if stream.push(item.image):
            expected += recognizer.recognize([stream], SCORES)
    assert len(expected) == 4
    assert [one.result.prediction for one in seen] == [one.prediction for one in expected]
    assert [(one.result.start, one.result.end) for one in seen] == [(one.start, one.end) for one in expected]
    assert [one.published - one.result.end for one in seen] == [SECOND // 10] * 4
    assert counts[TOPIC].windows == counts[TOPIC].windows_expected == 4
    assert (counts[TOPIC].first, counts[TOPIC].last, counts[TOPIC].frames) == (T0, T0 + 6 * SECOND, 7)


def test_a_slow_network_drops_what_the_node_would_drop(recognizer):
    """Windows are ready at 4, 5, 6 … s, the network takes 2.4 s: it starts at 4, 6.4, 8.8, 11.2 with the newest one."""
    seen, counts = play(recognizer, [recorded(i, i) for i in range(1, 13)], inference_time=2.4)
    assert ends(seen) == [4, 6, 8, 11, 12]
    assert [one.started / SECOND for one in seen] == pytest.approx([4, 6.4, 8.8, 11.2, 13.6])
    assert [one.published / SECOND for one in seen] == pytest.approx([6.4, 8.8, 11.2, 13.6, 16])
    assert (counts[TOPIC].windows, counts[TOPIC].windows_dropped_busy) == (5, 4)
    assert counts[TOPIC].windows_expected == 9


def test_cameras_take_turns(recognizer):
    cameras = ("/a", "/b", "/c")
    items = [recorded(1, i + 0.01 * n, camera=camera) for i in range(1, 10) for n, camera in enumerate(cameras)]
    seen, _ = play(recognizer, items, cameras=cameras, inference_time=0.9)
    assert [one.camera for one in seen] == list(cameras) * 3


def test_the_camera_that_was_served_longest_ago_is_next(recognizer):
    """/b is ready first for the third run, but /a was served before it."""
    times = [("/a", n / 10) for n in (10, 20, 30, 40, 52)] + [("/b", n / 10) for n in (11, 21, 31, 41, 51)]
    items = [recorded(1, time, camera=camera) for camera, time in sorted(times, key=lambda pair: pair[1])]
    seen, _ = play(recognizer, items, cameras=("/a", "/b"), inference_time=1.0)
    assert [(one.camera, one.started / SECOND) for one in seen] == [("/a", 4), ("/b", 5), ("/a", 6), ("/b", 7)]


def test_windows_that_a_restart_loses_are_counted_apart(recognizer):
    gap = [1, 2, 3, 4, 5, 9, 10, 11, 12]
    seen, counts = play(recognizer, [recorded(i, i) for i in gap], StreamSettings(max_gap=2.0), inference_time=10)
    assert ends(seen) == [4, 12]
    assert (counts[TOPIC].windows_dropped_busy, counts[TOPIC].windows_dropped_restart, counts[TOPIC].gaps) == (0, 1, 1)
    assert [one.restarts for one in seen] == [0, 1]


def test_bad_images_are_counted(recognizer):
    items = [recorded(i, i) for i in range(1, 7)]
    items.insert(2, Recorded(TOPIC, 2 * SECOND, ImageError("broken")))
    items.insert(4, recorded(3, 3.2, 3))
    items.insert(5, recorded(2, 3.3, 2.95))
    unstamped = CameraImage.of_array(items[0].image.data.reshape(8, 8, 3), 0)
    items.append(Recorded(TOPIC, 7 * SECOND, unstamped))
    seen, counts = play(recognizer, items)
    assert ends(seen) == [4, 5, 6, 7]
    count = counts[TOPIC]
    assert (count.frames, count.frames_broken, count.frames_repeated, count.frames_overtaken) == (10, 1, 1, 1)
    assert (count.frames_unstamped, count.last_error) == (1, "broken")


def test_a_network_that_fails_is_counted_and_goes_on(recognizer, monkeypatch):
    run, calls = recognizer.network.run, []

    def failing(clips, memories):
        calls.append(clips)
        if len(calls) == 2:
            raise ModelError("no luck")
        return run(clips, memories)

    monkeypatch.setattr(recognizer.network, "run", failing)
    seen, counts = play(recognizer, [recorded(i, i) for i in range(1, 8)])
    assert ends(seen) == [4, 6, 7]
    assert (counts[TOPIC].windows_failed, counts[TOPIC].windows_expected) == (1, 4)
    assert counts[TOPIC].last_error == "no luck"


@given(
    gaps=st.lists(st.integers(0, 9), min_size=40, max_size=60),
    cameras=st.lists(st.sampled_from("abc"), min_size=60, max_size=60),
    busy=st.integers(1, 40),
)
def test_the_network_is_never_idle_while_a_window_is_ready(recognizer, gaps, cameras, busy):
    """Tenths of a second. Each run begins as early as it can, with the newest window of the camera."""
    time, items = 1, []
    for gap, camera in zip(gaps, cameras, strict=False):
        time += gap
        items.append(recorded(1, time / 10, time / 10 + len(items) * 1e-6, camera=camera))
    seen, counts = play(recognizer, items, cameras="abc", inference_time=busy / 10)
    arrivals = {camera: [item.arrival for item in items if item.camera == camera] for camera in "abc"}
    stamps = {camera: [item.image.stamp for item in items if item.camera == camera] for camera in "abc"}
    ready = dict.fromkeys("abc", 3)  # the number of the next image that makes a window ready
    free = 0
    for one in seen:
        since = {c: arrivals[c][ready[c]] for c in "abc" if ready[c] < len(arrivals[c])}
        assert one.started == max(free, min(since.values()))
        assert since[one.camera] <= one.started
        here = [n for n, arrival in enumerate(arrivals[one.camera]) if arrival <= one.started]
        assert one.result.end == stamps[one.camera][here[-1]]
        ready[one.camera] = here[-1] + 1
        free = one.published
        assert free == one.started + busy * SECOND // 10
    assert all(ready[camera] >= len(arrivals[camera]) for camera in "abc")
    for camera, count in counts.items():
        assert count.windows_expected == max(0, len(arrivals[camera]) - 3)

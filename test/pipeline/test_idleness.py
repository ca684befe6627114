from dataclasses import replace

import numpy as np
import pytest
from small_networks import encoder_decoder

from har_ros.backends.backend import BackendSettings
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.pipeline.idleness import CALM, PERIOD, Idleness
from har_ros.pipeline.recognizer import Recognizer

SECOND = 1_000_000_000
RATE = 10
AUTO = StreamSettings(idle="auto", skip_frames=0)


@pytest.fixture(scope="module")
def recognizer(brightness_card):
    with Recognizer.open(str(brightness_card), BackendSettings("openvino", "f32")) as recognizer:
        yield recognizer


class Camera:
    """Ten images per second: a still chessboard, where a dark thing may be in another place each time."""

    def __init__(self, recognizer, settings=AUTO):
        self.stream = recognizer.stream(settings)
        self.recognizer = recognizer
        self.count = 0

    def image(self, moves=False):
        """Return the next image."""
        self.count += 1
        pixels = np.full((8, 8, 3), 100, np.uint8)
        pixels[::2, ::2] = 160
        if moves:
            pixels[self.count % 4 : self.count % 4 + 2, 3:5] = 10
        return CameraImage.of_array(pixels, self.count * SECOND // RATE)

    def show(self, seconds, moves=False, lent=True):
        """Return the seconds at which a window was offered; the network takes it at once, unless it is not lent."""
        offered = []
        for _ in range(round(seconds * RATE)):
            if self.stream.push(self.image(moves)):
                offered.append(self.count / RATE)
                if lent:
                    [self.result] = self.recognizer.recognize([self.stream])
        return offered


def test_an_idle_camera_has_a_window_now_and_then_and_all_of_them_as_soon_as_something_moves(recognizer):
    camera = Camera(recognizer)
    assert len(camera.show(CALM)) == CALM * RATE - 3  # the first window needs four frames
    assert camera.show(4 * PERIOD) == pytest.approx(
        [camera.result.end / SECOND - i * PERIOD for i in (3, 2, 1, 0)], abs=0.31
    )
    assert camera.stream.idle
    assert (camera.result.idle, camera.result.held) == (True, camera.result.end - SECOND // RATE)
    left_out = camera.stream.windows_idle
    assert left_out == pytest.approx(4 * PERIOD * RATE - 4, abs=3)
    began = camera.count
    assert len(camera.show(1, moves=True)) == RATE
    assert (camera.result.idle, camera.stream.idle, camera.stream.still) == (False, False, 0.0)
    assert len(camera.show(CALM - 1)) == (CALM - 1) * RATE  # a pause
    assert camera.stream.windows_idle == left_out
    assert camera.count == began + CALM * RATE
    assert camera.stream.windows_dropped == 0


def test_what_was_offered_waits_for_the_network(recognizer):
    camera = Camera(recognizer)
    camera.show(CALM - 0.5)
    assert len(camera.show(1, lent=False)) == RATE
    assert camera.stream.idle
    [result] = recognizer.recognize([camera.stream])
    assert result.end == camera.count * SECOND // RATE


def test_off_leaves_nothing_out_and_the_setting_changes_at_run_time(recognizer):
    camera = Camera(recognizer, replace(AUTO, idle="off"))
    camera.show(1)
    assert len(camera.show(CALM + 2)) == (CALM + 2) * RATE
    camera.stream.configure(AUTO)
    camera.show(CALM + 2)
    left_out = camera.stream.windows_idle
    assert left_out > 0
    camera.stream.configure(replace(AUTO, idle="off"))
    assert len(camera.show(1)) == RATE
    assert (camera.stream.idle, camera.stream.windows_idle) == (False, left_out)


def test_a_window_is_never_left_out_while_it_shows_movement():
    idleness, frame = Idleness(), np.full((8, 8, 3), 100, np.uint8)
    frame[::2, ::2] = 160
    idle = []
    for i in range(20):  # the first has nothing to be compared with: it may be a movement
        idleness.watch(frame, i * SECOND // 2, places=2, length=20)
        idle.append(idleness.since is not None)
    assert idle == [i >= 10 for i in range(20)]


def test_after_a_gap_the_camera_is_not_idle(recognizer):
    camera = Camera(recognizer)
    camera.show(CALM + 2)
    camera.count += 3 * RATE
    assert len(camera.show(1)) == RATE - 3
    assert camera.result.held is None


def test_an_idle_camera_has_windows_after_its_clock_went_back(recognizer):
    camera = Camera(recognizer)
    camera.count = 100 * RATE
    camera.show(CALM + 2)
    camera.count = 0
    assert len(camera.show(CALM)) == CALM * RATE - 3
    assert len(camera.show(2 * PERIOD)) in (2, 3)


def test_of_an_idle_camera_the_newest_image_is_enough_until_something_moves(recognizer):
    camera = Camera(recognizer)
    assert camera.stream.push_still(camera.image(), 4) is None  # the first
    camera.show(CALM - 0.5)
    assert camera.stream.push_still(camera.image(), 4) is None  # not idle yet
    camera.show(1)
    offered = []
    for _ in range(round(PERIOD * RATE / 4)):
        skipped = [camera.image() for _ in range(3)]
        if camera.stream.push_still(camera.image(), 4):
            offered.append(camera.count)
            [camera.result] = camera.recognizer.recognize([camera.stream])
    assert len(offered) == 1
    assert camera.result.idle
    before = camera.stream.fill, camera.stream.windows_idle, camera.stream.still
    waiting = [camera.image() for _ in range(3)] + [camera.image(moves=True)]
    assert camera.stream.push_still(waiting[-1], 4) is None
    assert (camera.stream.fill, camera.stream.windows_idle, camera.stream.still) == before
    assert [camera.stream.push(image) for image in waiting] == [False, False, False, True]
    assert not camera.stream.idle
    assert camera.stream.frames_overtaken == camera.stream.frames_repeated == 0
    assert camera.stream.push_still(skipped[0], 1) is None


@pytest.mark.parametrize("skip_frames", [0, 1])
def test_images_that_are_left_out_keep_their_places_in_a_window_that_counts_them(recognizer, skip_frames):
    """Else the first windows in which something moves would span longer than others, and events start too early."""
    camera = Camera(recognizer, replace(AUTO, skip_frames=skip_frames))
    camera.show(CALM + 2)
    assert camera.stream.idle
    for _ in range(4):
        camera.count += 3
        assert camera.stream.push_still(camera.image(), 4) is not None
    camera.show(0.1 * (1 + skip_frames), moves=True)
    assert not camera.stream.idle
    span = (camera.stream.length - 1) * (1 + skip_frames) * SECOND // RATE
    assert camera.result.end - camera.result.start <= span


def test_an_image_after_a_gap_is_no_next_one_of_an_idle_camera(recognizer):
    camera = Camera(recognizer)
    camera.show(CALM + 2)
    camera.count += 3 * RATE
    assert camera.stream.idle
    assert camera.stream.push_still(camera.image(), 4) is None


def test_networks_for_which_no_frame_may_be_missing_are_served_as_always(tmp_path):
    card, *_ = encoder_decoder(tmp_path)
    with Recognizer.open(str(card), BackendSettings("openvino", "f32")) as pair:
        assert "idle has no effect" in pair.summary(AUTO)
        camera = Camera(pair)
        assert len(camera.show(CALM + 2)) == (CALM + 2) * RATE

"""People and their streams: squares of the image for clip networks, joints for sequences."""

import numpy as np
import pytest
import yaml
from small_networks import PERSON, linear_network, one_person, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.persons.estimator import PoseEstimator
from har_ros.persons.tracks import TrackSettings
from har_ros.pipeline.people import People
from har_ros.pipeline.recognizer import Recognizer

F32 = BackendSettings("openvino", "f32")
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    with PoseEstimator.open(str(one_person(tmp_path_factory.mktemp("person"))), F32) as estimator:
        yield estimator


def image(brightness, number, size=64):
    pixels = np.full((size, size, 3), brightness, np.uint8)
    return CameraImage.of_array(pixels, (1 + number) * SECOND, "rgb8", "camera")


def see(estimator, people, brightness, number):
    shown = image(brightness, number)
    [poses] = estimator.estimate([shown])
    return people.update(shown, poses)


def test_a_clip_network_gets_a_square_around_the_person(estimator, brightness_card):
    with Recognizer.open(str(brightness_card), F32) as recognizer:
        people = People(recognizer, StreamSettings(), TrackSettings())
        sightings = [see(estimator, people, value, i) for i, value in enumerate((150, 100, 200, 150, 120))]
        assert [len(sighting.present) for sighting in sightings] == [0, 1, 1, 1, 1]
        assert [len(sighting.ready) for sighting in sightings] == [0, 0, 0, 0, 1]
        [person] = sightings[-1].ready
        [result] = recognizer.recognize([person.stream])
        assert (result.start, result.end, result.frame_id) == (2 * SECOND, 5 * SECOND, "camera")
        assert result.prediction.hypotheses[0].label == "second"  # the brightest of the person's four frames
        with person.stream.window() as again:
            assert again is None


def test_a_sequence_network_gets_the_person_s_joints(estimator, tmp_path):
    weights = linear_network(tmp_path / "small.onnx", (4, 34))
    card = write_card(tmp_path, kind="sequence", input=None, window={"frames": 4})
    spec = {"layout": "NTD", "normalisation": "image", "range": [0, 1]}
    card.write_text(yaml.safe_dump({**yaml.safe_load(card.read_text()), "input": spec}))
    with Recognizer.open(str(card), F32, skeletons=True) as recognizer:
        people = People(recognizer, StreamSettings(skip_frames=0), TrackSettings())
        for number in range(5):
            sighting = see(estimator, people, 150, number)
        [result] = recognizer.recognize([person.stream for person in sighting.ready])
    joints = [((PERSON[0] / 64), (PERSON[1] - 18 + 2 * joint) / 64) for joint in range(17)]
    logits = np.tile(np.ravel(joints), 4) @ weights
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    found = {one.label: one.score for one in result.prediction.hypotheses}
    assert [found[f"class {i}"] for i in range(5)] == pytest.approx(expected, rel=1e-3)


def test_who_left_is_said_once_and_nothing_is_kept_of_them(estimator, brightness_card):
    with Recognizer.open(str(brightness_card), F32) as recognizer:
        people = People(recognizer, StreamSettings(), TrackSettings(track_timeout=2.5))
        for number in range(3):
            sighting = see(estimator, people, 150, number)
        [person] = sighting.present
        gone = [see(estimator, people, 0, number).gone for number in range(3, 9)]
    assert [len(one) for one in gone] == [0, 0, 1, 0, 0, 0]
    assert gone[2] == (person,)


def test_an_image_after_a_newer_one_is_no_sighting(estimator, brightness_card):
    with Recognizer.open(str(brightness_card), F32) as recognizer:
        people = People(recognizer, StreamSettings(), TrackSettings())
        assert see(estimator, people, 150, 5) is not None
        assert see(estimator, people, 150, 5) is None


def test_settings_change_from_the_next_image_on(estimator, brightness_card):
    with Recognizer.open(str(brightness_card), F32) as recognizer:
        people = People(recognizer, StreamSettings(), TrackSettings())
        for number in range(3):
            see(estimator, people, 150, number)
        people.settings = StreamSettings(skip_frames=1)
        ready = [len(see(estimator, people, 150, number).ready) for number in range(3, 12)]
    assert ready == [0, 0, 0, 0, 0, 0, 1, 0, 1]  # four frames, every other image

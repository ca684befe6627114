"""Networks for skeletons behind a Stream, against numpy, and cards that do not fit them."""

import numpy as np
import pytest
import yaml
from small_networks import linear_network, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.skeletons import NAMES, SkeletonFrame
from har_ros.models.card import ModelCard
from har_ros.models.card_file import card_text, load_card
from har_ros.pipeline.recognizer import Recognizer

SECOND = 1_000_000_000
F32 = BackendSettings("openvino", "f32")
SIZE = 480, 640


def walk(frames, step=2.0):
    position = np.random.default_rng(0).uniform(100, 300, (1, 17, 2)) + step * np.arange(frames)[:, None, None]
    return np.concatenate([position, np.full((frames, 17, 1), 0.9)], axis=2).astype(np.float32)


def card_for(folder, spec, shape, window, batch="batch"):
    weights = linear_network(folder / "small.onnx", shape, batch=batch)
    card = write_card(folder, kind="sequence", input=None, window=window)
    content = {**yaml.safe_load(card.read_text()), "input": spec}
    card.write_text(yaml.safe_dump(content))
    return card, weights


def softmax(logits):
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def answers(recognizer, skeletons, rate, settings=StreamSettings()):
    stream = recognizer.stream(settings)
    given = []
    for number, keypoints in enumerate(skeletons):
        stream.push(SkeletonFrame(keypoints, SIZE, round((1 + number / rate) * SECOND), "camera"))
        [result] = recognizer.recognize([stream])
        given.append(result)
    return given


def probabilities(result):
    found = {h.label: h.score for h in result.prediction.hypotheses}
    return [found[f"class {i}"] for i in range(5)]


def test_a_network_of_32_skeletons_in_pixels_as_learnopencvs(tmp_path):
    card, weights = card_for(tmp_path, {"layout": "NTD", "normalisation": "pixels"}, (32, 34), {"frames": 32}, batch=1)
    skeletons = walk(40)
    skeletons[:, :, :2] /= 1000  # or the softmax says the same of all
    with Recognizer.open(str(card), F32, skeletons=True) as recognizer:
        given = answers(recognizer, skeletons, 10, StreamSettings(skip_frames=0))
    assert given[:31] == [None] * 31
    for number, result in enumerate(given[31:]):
        expected = softmax(skeletons[number : number + 32, :, :2].reshape(-1) @ weights)
        np.testing.assert_allclose(probabilities(result), expected, rtol=1e-4)
    assert (given[-1].frame_id, given[-1].frames) == ("camera", 32)


@pytest.mark.parametrize(("rate", "settings", "used"), [(10, {}, 30), (30, {}, 30), (10, {"sample_rate": 15.0}, 15)])
def test_a_network_of_several_people_at_its_own_rate_as_pyskls(tmp_path, rate, settings, used):
    spec = {"layout": "NMTVC", "persons": 2, "confidence": True, "missing": "zero", "least_confidence": 0.01}
    card, weights = card_for(tmp_path, spec, (2, 20, 17, 3), {"frames": 20, "sample_rate": 30})
    skeletons = walk(2 * rate, 60 / rate)
    with Recognizer.open(str(card), F32, skeletons=True) as recognizer:
        result = answers(recognizer, skeletons, rate, StreamSettings(**settings))[-1]
    newest = skeletons[-1]
    expected = np.zeros((2, 20, 17, 3))
    for number in range(20):
        position = newest[:, :2] - 60 * (19 - number) / used
        expected[0, number] = np.concatenate([position / [320, 240] - 1, newest[:, 2:]], axis=1)
    answer = softmax(expected.reshape(-1) @ weights)
    np.testing.assert_allclose(probabilities(result), answer, rtol=2e-3)  # the oldest image is a third of a period late


def test_a_card_of_skeletons_is_written_as_it_is_read(tmp_path):
    spec = {"layout": "NCTV", "joints": ["neck", *NAMES[5:]], "normalisation": "trunk"}
    card, _ = card_for(tmp_path, spec, (2, 8, 13), {"frames": 8})
    loaded = load_card(card)
    card.write_text(card_text(loaded))
    assert load_card(card) == loaded
    assert isinstance(loaded, ModelCard)
    assert loaded.input.joints[0] == "neck"


def test_where_images_come_a_network_for_skeletons_is_refused(tmp_path):
    card, _ = card_for(tmp_path, {"layout": "NTVC"}, (8, 17, 2), {"frames": 8})
    with pytest.raises(
        ConfigurationError,
        match=r"small is of kind sequence, .* give it as persons_model with persons, and model",
    ):
        Recognizer.open(str(card), F32)


@pytest.mark.parametrize(
    ("spec", "shape", "said"),
    [
        ({"layout": "NTVC"}, (9, 17, 2), r"network's input has T = 9 .*, 8 expected"),
        ({"layout": "NTVC", "confidence": True}, (8, 17, 2), r"C = 2 .*, 3 expected"),
        ({"layout": "NTD", "joints": ["neck", "nose"]}, (8, 34), r"D = 34 .*, 4 expected"),
        ({"layout": "NMTVC"}, (2, 8, 17, 2), r"M = 2 .*, 1 expected"),
        ({"layout": "NCTV"}, (8, 34), r"has not the axes NCTV"),
        ({"layout": "NTVC", "joints": ["tail"]}, (8, 17, 2), r"joints has 'tail'; use nose, left_eye"),
        ({"layout": "NTVC", "persons": 2}, (8, 17, 2), r"persons is 2 with the layout NTVC; give 1"),
        ({"layout": "NTVC", "range": [1, 0]}, (8, 17, 2), r"range is .*; give the lower bound first"),
        (
            {"layout": "NTVC", "least_confidence": 2.0},
            (8, 17, 2),
            r"least_confidence is 2.0; give a number from 0 to 1",
        ),
        ({"layout": "NTHW"}, (8, 17, 2), r"input.layout is 'NTHW'; use one of NTVC"),
    ],
)
def test_a_card_that_does_not_fit_says_why(tmp_path, spec, shape, said):
    card, _ = card_for(tmp_path, spec, shape, {"frames": 8})
    with pytest.raises((ConfigurationError, ModelError), match=said):
        Recognizer.open(str(card), F32, skeletons=True)


def test_images_for_a_sequence_and_skeletons_for_a_clip_are_refused(tmp_path):
    card, _ = card_for(tmp_path, {"layout": "NTVC"}, (8, 17, 2), {"frames": 8})
    card.write_text(card.read_text().replace("kind: sequence", "kind: clip"))
    with pytest.raises(ConfigurationError, match="input does not fit the kind clip; give what images must look like"):
        load_card(card)
    with pytest.raises(ConfigurationError, match="input does not fit the kind sequence; give a layout of skeletons"):
        load_card(write_card(tmp_path, kind="sequence"))

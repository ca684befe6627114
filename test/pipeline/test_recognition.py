"""The library's friendly way: a result for each image, with the people in it."""

import dataclasses

import cv2
import numpy as np
import pytest
from pictures import picture
from small_networks import PERSON, linear_network, one_person, write_card
from streamable_networks import continual_card

from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.compressed import EncodedImage
from har_ros.frames.pixels import CameraImage
from har_ros.pipeline.recognition import Networks

SECOND = 1_000_000_000
PARAMETERS = {"backend": "openvino", "precision": "f32"}


@pytest.fixture(scope="module")
def pose_card(tmp_path_factory):
    return str(one_person(tmp_path_factory.mktemp("person")))


def images(*brightnesses):
    return [CameraImage.of_array(picture(one), i * SECOND // 5) for i, one in enumerate(brightnesses)]


def open_networks(card, **parameters):
    return Networks.open(str(card), **{"persons_model": "", **PARAMETERS, **parameters})


def test_each_image_has_a_result_with_its_people(brightness_card, pose_card):
    """Nobody is seen in the dark; the window of the whole image has four frames, and so has that of the person."""
    with open_networks(brightness_card, persons=True, pose_model=pose_card) as networks:
        results = list(networks.results(images(0, 150, 160, 170, 180, 190, 0)))
    assert [one.stamp for one in results] == [i * SECOND // 5 for i in range(7)]
    assert [one.whole is not None for one in results] == [False, False, False, True, True, True, True]
    assert [len(one.persons) for one in results] == [0, 0, 1, 1, 1, 1, 0]
    people = [person for one in results for person in one.persons]
    assert len({person.id for person in people}) == 1
    for person, brightness in zip(people, (160, 170, 180, 190), strict=True):
        middle, size = np.array(PERSON[:2]), np.array(PERSON[2:])
        np.testing.assert_allclose(person.box, [*(middle - size / 2), *(middle + size / 2)], atol=0.1)
        np.testing.assert_allclose(person.keypoints[0], [PERSON[0], PERSON[1] - 18, 0.5], atol=1e-3)
        assert person.confidence == pytest.approx(brightness / 255 * 48 / 64, abs=0.01)  # a quarter is border
    assert [len(person.prediction.accepted) for person in people] == [0, 0, 0, 4]  # best first
    assert people[-1].result.prediction is people[-1].prediction
    assert people[-1].prediction.accepted[0].label == "fourth"


def test_a_result_stays_as_it_is_when_the_next_image_comes(brightness_card, pose_card):
    with open_networks(brightness_card, persons=True, pose_model=pose_card) as networks:
        recognition = networks.recognition()
        for image in images(150, 160, 170, 180):
            result = recognition.take(image)
        [before] = result.persons
        moved = recognition.take(images(*[190] * 5)[-1])
    assert before.result is None
    assert before.prediction.accepted == ()
    assert moved.persons[0].result is not None


def test_an_image_that_was_overtaken_has_the_people_of_the_newest_and_no_news(brightness_card, pose_card):
    with open_networks(brightness_card, persons=True, pose_model=pose_card) as networks:
        recognition, shown = networks.recognition(), images(150, 160, 170, 180, 190)
        newest = [recognition.take(image) for image in shown][-1]
        overtaken = recognition.take(dataclasses.replace(shown[-1], stamp=shown[-1].stamp - 1))
    assert newest.persons[0].result is not None
    assert overtaken.whole is None
    assert [(one.id, one.result) for one in overtaken.persons] == [(newest.persons[0].id, None)]


def test_allowed_labels_may_be_of_either_network(brightness_card, pose_card, tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    card = write_card(tmp_path, window={"frames": 4})
    networks = {"persons": True, "pose_model": pose_card, "persons_model": str(card)}
    with open_networks(brightness_card, allowed_labels=["third", "class 2"], **networks) as opened:
        *_, last = opened.results(images(150, 160, 170, 180, 190))
    assert [one.label for one in last.whole.prediction.hypotheses] == ["third"]
    assert [one.label for one in last.persons[0].prediction.hypotheses] == ["class 2"]


def test_without_persons_nobody_is_looked_for(brightness_card):
    with open_networks(brightness_card) as networks:
        assert {one.persons for one in networks.results(images(150, 160))} == {()}


def test_people_alone_have_the_answers_that_they_have_beside_the_whole_image(brightness_card, pose_card):
    given = images(0, *range(150, 200, 10), 0)
    options = {"persons": True, "pose_model": pose_card, "persons_model": str(brightness_card)}
    with open_networks(brightness_card, **options) as both, open_networks("none", **options) as alone:
        assert alone.recognizer is alone.persons.recognizer
        expected, found = list(both.results(given)), list(alone.results(given))
    assert {one.whole for one in found} == {None}
    assert [one.stamp for one in found] == [one.stamp for one in expected]
    assert [person.prediction for one in found for person in one.persons] == [
        person.prediction for one in expected for person in one.persons
    ]
    assert found[-2].persons[0].prediction.accepted[0].label == "fourth"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"persons": False}, "model is none, which leaves only people; set persons, or name a model"),
        ({"persons_model": ""}, "persons_model is empty, the same as model, which is none; name a network for people"),
        ({"frames": 16}, "frames is of the network for whole images, and model is none; leave it out, or name a model"),
        ({"idle": "auto"}, "idle is of the network for whole images"),
        ({"persons_model": "nowhere"}, "persons_model: .*nowhere"),
    ],
)
def test_what_people_alone_cannot_have_is_refused(pose_card, parameters, reason):
    with pytest.raises(ConfigurationError, match=f"^{reason}"):
        Networks.open("none", **{"persons": True, "pose_model": pose_card, **parameters})


def test_compressed_images_are_taken(brightness_card, pose_card):
    encoded = [
        EncodedImage(cv2.imencode(".png", picture(one))[1].ravel(), (1 + i) * SECOND // 5)
        for i, one in enumerate((150, 160, 170, 180, 190))
    ]
    with open_networks(brightness_card, persons=True, pose_model=pose_card) as networks:
        *_, last = networks.results(encoded)
    assert last.persons[0].prediction.accepted[0].label == last.whole.prediction.accepted[0].label == "fourth"


def test_the_newest_only_can_be_run(brightness_card):
    """Images before it enter the window all the same."""
    with open_networks(brightness_card) as networks:
        recognition = networks.recognition()
        shown = [recognition.take(image, newest=i == 5) for i, image in enumerate(images(0, 50, 10, 20, 5, 6))]
    assert [one.whole is not None for one in shown] == [False] * 5 + [True]
    assert shown[-1].whole.prediction.accepted[0].label == "second"


@pytest.mark.parametrize(
    ("live", "given", "stride"),
    [
        (False, {}, 2),
        (False, {"stride": 1}, 1),
        (False, {"stride": 5}, 5),
        (True, {}, 1),
        (True, {"stride": 5}, 5),
    ],
)
def test_a_window_of_a_file_begins_an_eighth_of_its_length_after_the_last(tmp_path, live, given, stride):
    linear_network(tmp_path / "small.onnx", (16, 8, 8, 3))
    with open_networks(write_card(tmp_path, window={"frames": 16}), **given) as networks:
        take = networks.recognition(live=live).take
        shown = [take(image).whole is not None for image in images(*range(30))]
    assert [number for number, found in enumerate(shown, 1) if found] == list(range(16, 31, stride))


def test_an_image_whose_people_are_not_finite_is_an_error_and_the_next_is_fine(brightness_card, pose_card):
    with open_networks(brightness_card, persons=True, pose_model=pose_card) as networks:
        recognition = networks.recognition()
        with pytest.raises(ModelError, match="pose network's output is not finite"):
            recognition.take(CameraImage.of_array(picture(255, 64), SECOND))
        assert recognition.take(CameraImage.of_array(picture(0), 2 * SECOND)).persons == ()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"thresold": 0.3}, "parameter 'thresold' is unknown; did you mean threshold"),
        ({"threshold": 3}, "parameter threshold is 3.0; give a number with a decimal point from 0.0 to 1.0"),
        ({"persons": 1}, "parameter persons is 1; give true or false"),
    ],
)
def test_parameters_are_checked_as_the_node_checks_them(brightness_card, parameters, reason):
    with pytest.raises(ConfigurationError, match=reason):
        open_networks(brightness_card, **parameters)


@pytest.mark.parametrize("own", [False, True])
def test_networks_that_take_each_frame_once_are_refused_for_people(pose_card, tmp_path, own):
    """The parameter continual is of the model alone."""
    continual = str(continual_card(tmp_path))
    names = {"model": "none", "persons_model": continual} if own else {"model": continual, "persons_model": ""}
    remedy = "" if own else "set continual to false, or "
    text = f"have; {remedy}give them another network with persons_model$"
    with pytest.raises(ConfigurationError, match=text):
        Networks.open(**names, persons=True, pose_model=pose_card, **PARAMETERS)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.persons.tracks import Track
from har_ros.pipeline.annotate import COLOURS, annotate, overlay_topics
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.scores import Hypothesis, Prediction


def drawn(draw, height=480, width=640):
    image = np.full((height, width, 3), 100, np.uint8)
    draw(image)
    return image


def prediction(*scores):
    return Prediction(tuple(Hypothesis(f"class {i}", score) for i, score in enumerate(scores)), 0.1)


def test_the_bar_is_as_long_as_the_score():
    image = drawn(lambda image: annotate(image, prediction(0.5)))
    green = (image == (80, 220, 100)).all(axis=2).any(axis=0)
    assert green[:320].all()
    assert not green[321:].any()


def test_hypotheses_below_the_threshold_are_not_drawn():
    one, two = (drawn(lambda image, p=p: annotate(image, p)) for p in (prediction(0.5, 0.05), prediction(0.5, 0.2)))
    np.testing.assert_array_equal(one, drawn(lambda image: annotate(image, prediction(0.5))))
    assert (one != two).any()


def test_nothing_recognised_is_said():
    assert (drawn(lambda image: annotate(image, prediction(0.05))) > 200).any()


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (120, 160)])
def test_most_of_the_image_stays(size):
    image = drawn(lambda image: annotate(image, prediction(0.5, 0.3, 0.2, 0.1)), *size)
    assert (image[size[0] // 3 :] == 100).all()


@given(st.text(max_size=80), st.integers(1, 60), st.integers(1, 60))
def test_any_text_fits_any_image(text, height, width):
    image = drawn(lambda image: annotate(image, text), height, width)
    assert image.shape == (height, width, 3)


def person(number, box, label="class 0"):
    keypoints = np.zeros((17, 3), np.float32)
    said = Prediction((Hypothesis(label, 0.5),), 0.1)
    return PersonResult(Track(f"p_{number}", 0, box, keypoints, 0.9, 1.0), said, None)


@pytest.mark.parametrize("top", [-20, 0, 30, 90, 200])
def test_nobody_hides_what_is_said_of_the_whole_image(top):
    """Three lines of 35 rows each at 480: the label of someone at the image's edge is below them."""
    someone = person(1, (40.0, top, 140.0, 600.0))
    alone = drawn(lambda image: annotate(image, prediction(0.5, 0.4, 0.3)))
    image = drawn(lambda image: annotate(image, prediction(0.5, 0.4, 0.3), [someone]))
    panel = 3 * round(44 * 480 / 600)
    text = alone[:panel].min(axis=2) > 180
    assert text.any()
    assert image[:panel][text].min() > 150
    label = np.any([(image[panel:] == colour).all(axis=2) for colour in COLOURS], axis=0)
    rows = np.flatnonzero(label.sum(axis=1) > 40)
    assert 10 < len(rows) < 40
    assert rows[-1] + panel == pytest.approx(max(top, panel + len(rows)), abs=6)


def test_overlay_topics_lie_beside_the_image_topics():
    assert overlay_topics(["/cam01/image_raw", "/image_raw"]) == ["/cam01/actions_image", "/actions_image"]
    assert overlay_topics(["/rig/left", "/rig/right"]) == ["/rig/left/actions_image", "/rig/right/actions_image"]

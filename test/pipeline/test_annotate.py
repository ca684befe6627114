import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.pipeline.annotate import annotate, announce, overlay_topics
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
    image = drawn(lambda image: announce(image, text), height, width)
    assert image.shape == (height, width, 3)


def test_overlay_topics_lie_beside_the_image_topics():
    assert overlay_topics(["/cam01/image_raw", "/image_raw"]) == ["/cam01/actions_image", "/actions_image"]
    assert overlay_topics(["/rig/left", "/rig/right"]) == ["/rig/left/actions_image", "/rig/right/actions_image"]

"""Backgrounds: those that come with har_ros, and files."""

from dataclasses import replace

import numpy as np
import pytest
from small_networks import linear_network, write_card

from har_ros.errors import ConfigurationError
from har_ros.learning.background import (
    OFF,
    SHIPPED,
    WORLD,
    Background,
    background_bytes,
    find_background,
    read_background,
    same_action,
)
from har_ros.models.locate import find_model

BACKGROUND = Background(np.eye(3, 6, dtype=np.float32), np.array(["walk", "walk", "golf"]))


@pytest.fixture
def model(tmp_path):
    linear_network(tmp_path / "small.onnx", (8, 8, 8, 3))
    return find_model(str(write_card(tmp_path, network={"file": "small.onnx", "embedding": "flat"})))


def written(model, path, background=BACKGROUND, frames=8):
    path.write_bytes(background_bytes(background, model, frames))
    return path


def test_a_file_is_read_as_it_was_written(model, tmp_path):
    read = find_background(str(written(model, tmp_path / "mine.npz")), model, 8, 6)
    np.testing.assert_array_equal(read.embeddings, BACKGROUND.embeddings)
    assert read.kinds.tolist() == ["walk", "walk", "golf"]


def test_one_of_another_network_or_of_other_windows_is_refused(model, tmp_path):
    path = written(model, tmp_path / "mine.npz")
    with pytest.raises(ConfigurationError, match=r"small \(sha256 \w{12}…\), but taught is small with windows of 16"):
        read_background(path, model, 16, 6)
    linear_network(tmp_path / "small.onnx", (8, 8, 8, 3), seed=1)
    with pytest.raises(ConfigurationError, match="give one of the same network"):
        read_background(path, model, 8, 6)


@pytest.mark.parametrize(
    "rows", [np.zeros((3, 5)), np.zeros((2, 6)), np.zeros((3, 6, 1)), np.full((3, 6), np.nan)], ids=str
)
def test_embeddings_of_another_size_are_refused(model, tmp_path, rows):
    wrong = replace(BACKGROUND, embeddings=rows.astype(np.float32))
    with pytest.raises(ConfigurationError, match="n×6 finite"):
        read_background(written(model, tmp_path / "mine.npz", wrong), model, 8, 6)


@pytest.mark.parametrize("content", [b"", b"PK", b"no background", None])
def test_what_is_no_background_is_refused(model, tmp_path, content):
    path = tmp_path / "mine.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is no background"):
        find_background(str(path), model, 8, 6)


def test_off_and_a_world_that_the_network_lacks_are_empty(model):
    assert find_background(OFF, model, 8, 6).embeddings.shape == (0, 6)
    assert find_background(WORLD, model, 8, 6).embeddings.shape == (0, 6)


@pytest.mark.parametrize(("name", "width"), [("everyday-14", 1024), ("joint-motion", 156)])
def test_the_one_that_comes_with_it_is_of_this_network_and_small(name, width):
    path = SHIPPED / f"{name}.npz"
    assert path.stat().st_size <= 1 << 20
    model = find_model(name)
    world = read_background(path, model, model.card.window.frames, width)
    assert len(world.kinds) > 100
    assert len(find_background(WORLD, model, model.card.window.frames, width).kinds) == len(world.kinds)
    assert find_background(WORLD, model, 8, width).kinds.shape == (0,)  # of windows of other lengths


def test_what_is_called_like_a_class_is_left_out():
    assert BACKGROUND.without(["walking", "falling"]).kinds.tolist() == ["golf"]
    assert BACKGROUND.without(["falling"]).kinds.tolist() == BACKGROUND.kinds.tolist()
    for kind, label in (("wave", "waving"), ("pick", "Pick_up"), ("clap", "two people clapping"), ("wave", "wave")):
        assert same_action(kind, label)
    for kind, label in (("sit", "stand"), ("run", "r"), ("people in streets and shops", "falling"), ("wave", "w")):
        assert not same_action(kind, label)

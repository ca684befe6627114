import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har_ros.finetune.augment import Augmentation
from har_ros.models.locate import find_model


def numbered(frames, height, width):
    """Return frames in which each pixel tells its place."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    return np.stack([t, y, x], axis=-1).astype(np.uint8)


@given(st.integers(1, 20), st.integers(0, 5), st.integers(0, 9), st.integers(0, 9), st.integers(0, 999), st.booleans())
def test_draws_are_boxes_of_the_frames_in_time_and_space(length, more, high, wide, seed, mirror):
    frames = numbered(length + more, 8 + high, 6 + wide)
    found = Augmentation(mirror=mirror).draw(frames, length, (8, 6), np.random.default_rng(seed))
    assert found.shape == (length, 8, 6, 3)
    assert found.flags.c_contiguous
    t, y, x = (int(n) for n in found[0, 0, 0])
    steps = found[:, :, :, 2].astype(int) - x
    mirrored = bool((steps < 0).any())
    assert not mirrored or mirror
    left = x - 5 if mirrored else x
    expected = frames[t : t + length, y : y + 8, left : left + 6]
    np.testing.assert_array_equal(found, expected[:, :, ::-1] if mirrored else expected)


def test_all_places_and_both_sides_are_drawn():
    frames, rng = numbered(6, 5, 5), np.random.default_rng(0)
    drawn = {tuple(map(int, Augmentation().draw(frames, 4, (3, 3), rng)[0, 0, 0])) for _ in range(600)}
    assert {t for t, _, _ in drawn} == {0, 1, 2}
    assert {y for _, y, _ in drawn} == {0, 1, 2}
    assert {x for _, _, x in drawn} == {0, 1, 2, 3, 4}  # from the right when mirrored


def test_the_frames_to_draw_from_are_larger_than_i3d_sees():
    card = find_model("i3d-kinetics-400").card
    wide = Augmentation().wide(card).input
    assert (wide.height, wide.width, wide.resize) == (256, 256, card.input.resize)
    assert Augmentation().long(64) == 80

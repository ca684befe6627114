"""Windows of skeletons for training: laid out, augmented and drawn; and the networks that take them."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from waving import FRAMES, moving

from har_ros.frames.skeletons import NAMES, arranged, mirrored
from har_ros.frames.spec import SkeletonSpec
from har_ros.frames.window import Clip

pytestmark = pytest.mark.finetune
if importlib.util.find_spec("torch") and importlib.util.find_spec("lightning"):
    import torch

    from har_ros.finetune.architecture import shape_of
    from har_ros.finetune.architectures import ARCHITECTURES, card_of
    from har_ros.finetune.augment_skeletons import SkeletonAugmentation, SkeletonAugmenter
    from har_ros.finetune.graph_network import partitions
    from har_ros.finetune.skeleton_windows import RandomWindows, WindowSource, laid_out, plain, varied


@pytest.mark.parametrize("layout", ["NTVC", "NTD", "NCTV", "NMTVC", "NCTVM"])
@pytest.mark.parametrize("confidence", [True, False])
@pytest.mark.parametrize("missing", ["interpolated", "zero"])
def test_windows_are_laid_out_as_in_the_node(layout, confidence, missing):
    spec = SkeletonSpec(layout, ("head", "left_wrist", "right_wrist"), 2, confidence, "image", missing=missing)
    keypoints = moving("left", 1)[:8]
    keypoints[3:5, NAMES.index("left_wrist"), 2] = 0
    clip = clip_of(keypoints)
    expected = arranged(clip, spec, None)
    found = laid_out(torch.from_numpy(arranged(clip, plain(spec), None)), spec).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def clip_of(keypoints):
    slots = np.zeros((len(keypoints), 18, 3), np.float32)
    slots[:, :17], slots[:, 17] = keypoints, (640, 480, 0)
    return Clip(slots, tuple(range(len(keypoints))))


def windows_of(*clips, spec):
    return torch.cat([torch.from_numpy(arranged(clip, plain(spec), None)) for clip in clips])


def middle_of(window):
    return (window[:, :, 0].max() + window[:, :, 0].min()) / 2


@pytest.mark.parametrize("normalisation", ["box", "trunk", "image", "pixels"])
def test_an_augmentation_of_nothing_leaves_windows_and_mirrored_ones_as_they_are(normalisation):
    spec = SkeletonSpec("NTVC", normalisation=normalisation)
    clips = clip_of(moving("left", 3)), clip_of(moving("squat", 4))
    windows = windows_of(*clips, spec=spec)
    nothing = SkeletonAugmentation(*[0.0] * 10)
    augmenter = SkeletonAugmenter(NAMES, FRAMES, FRAMES - 1, 0, nothing)
    kept = varied(windows, spec, torch.tensor([False, False]), augmenter)
    np.testing.assert_allclose(kept.numpy(), windows.numpy(), rtol=1e-4, atol=1e-4)
    other = windows_of(replace(clips[0], frames=mirrored(clips[0].frames)), spec=spec)[0].numpy()
    found = [varied(windows, spec, torch.tensor([True, True]), augmenter)[0].numpy() for _ in range(20)]
    if normalisation in ("image", "pixels"):  # mirrored where the person is, not where the image's middle is
        other[:, :, 0] += (np.ptp(other[:, :, 0]) / 2 - other[:, :, 0].max()) + middle_of(windows[0].numpy())
    flips = [np.allclose(one, other, rtol=1e-3, atol=2e-3) for one in found]
    stays = [np.allclose(one, windows[0].numpy(), rtol=1e-4, atol=1e-4) for one in found]
    assert any(flips)
    assert any(stays)
    assert all(flip != stay for flip, stay in zip(flips, stays, strict=True))


def test_drawn_windows_are_the_epochs_and_lost_joints_are_zero():
    spec = SkeletonSpec("NTVC", normalisation="box", confidence=True)
    windows = windows_of(clip_of(moving("left", 3)), clip_of(moving("right", 4)), spec=spec)
    windows[0, :, 5] = 0
    rows = [np.array([0]), np.array([1])]
    drawn = RandomWindows(WindowSource(windows, rows, [0, 1], [True, False], spec))
    keys = [(3, 1), (3, 0)]
    first, again, other = (drawn.__getitems__(one) for one in (keys, keys, [(4, 1), (4, 0)]))
    assert [label for _, label in first] == [1, 0]
    assert all(torch.equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    for epoch in range(20):
        window = drawn.__getitems__([(epoch, 0)])[0][0]
        there = window[..., 2].amax(dim=0) >= spec.least_confidence
        assert not there[5] or not there[6]  # lost, or mirrored to the other side
        assert not window[:, ~there].any()
        assert torch.isfinite(window).all()


def test_of_a_joints_neighbours_those_nearer_to_the_middle_are_one_part():
    parts = partitions(3, [(0, 1), (1, 2)])
    whole = parts.sum(dim=0)
    np.testing.assert_allclose(whole.sum(dim=0), np.ones(3))
    assert parts[1].nonzero().tolist() == [[0, 1], [1, 2]]
    assert parts[2].nonzero().tolist() == [[1, 0], [2, 1]]


@pytest.mark.parametrize("name", ["lstm", "dd-net", "st-gcn"])
def test_an_architecture_gives_the_embedding_that_its_card_promises(name):
    module, card = ARCHITECTURES[name](), card_of(name)
    assert sum(parameter.numel() for parameter in module.parameters()) < 1_000_000
    with torch.no_grad():
        assert module(torch.rand(3, *shape_of(card.input))).shape == (3, module.width)

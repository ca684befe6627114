"""The clips that a network is trained with: mirrored or not, in which order, by which process."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import moving, write_video

pytestmark = pytest.mark.finetune
if importlib.util.find_spec("torch") and importlib.util.find_spec("lightning"):
    import torch

    from har_ros.finetune import sampler, training_clips
    from har_ros.models.card_file import load_card


def test_classes_in_which_sides_matter_are_never_mirrored(tmp_path, teachable_card):
    path = write_video(tmp_path / "a.avi", moving(frames=12, seed=1))
    loaded = load_card(teachable_card)
    source = training_clips.ClipSource([path, path], [0, 1], loaded, 8, frozenset([1]))
    clips = training_clips.RandomClips(source)
    left = {number: set() for number in (0, 1)}
    plain = training_clips.FixedClips(source)[0][0].numpy().astype(int)
    for number in (0, 1):
        for epoch in range(30):
            frames, label = clips[epoch, number]
            assert label == number
            errors = [np.abs(frames[0].numpy()[:, ::s].astype(int) - plain[0]).mean() for s in (1, -1)]
            left[number].add(int(np.argmin(errors)))
    assert left == {0: {0, 1}, 1: {0}}


def test_clips_are_the_same_for_the_same_epoch_and_others_for_another(tmp_path, teachable_card):
    path = write_video(tmp_path / "a.avi", moving(frames=30, seed=1))
    clips = training_clips.RandomClips(training_clips.ClipSource([path], [0], load_card(teachable_card), 8))
    assert torch.equal(clips[3, 0][0], clips[3, 0][0])
    assert any(not torch.equal(clips[3, 0][0], clips[epoch, 0][0]) for epoch in range(4, 9))


def test_the_order_is_the_epochs():
    order = sampler.EpochSampler(10)
    first = list(order)
    order.set_epoch(1)
    second = list(order)
    assert sorted(number for _, number in second) == list(range(10))
    assert {epoch for epoch, _ in second} == {1}
    assert [number for _, number in first] != [number for _, number in second]
    order.set_epoch(0)
    assert list(order) == first


@pytest.mark.parametrize(("clips", "batch_size"), [(9, 4), (1, 4)])
def test_processes_that_train_together_take_as_many_steps(tmp_path, clips, batch_size):
    """A process with a batch less would leave the others waiting for its gradients."""
    script = Path(__file__).with_name("train_together.py")
    given = ["2", str(tmp_path / "meeting"), str(clips), str(batch_size)]
    processes = [
        subprocess.Popen([sys.executable, script, str(rank), *given], stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    try:
        told = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0]
    first, second = map(json.loads, told)
    assert [len(batch) for batch in first] == [len(batch) for batch in second]
    epoch = len(first) // 2
    for steps in (slice(epoch), slice(epoch, None)):
        assert {clip for batch in first[steps] + second[steps] for clip in batch} == set(range(clips))

"""Trains the members of everyday-14, each in a process of its own, the same ones for the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import everyday_clips as data
import everyday_windows as made
from everyday_network import CLASSES, Features, Member

NOTHING = CLASSES - 1
BATCH, RATE, DECAY = 64, 3e-3, 0.05
FALLING, CONTORTED, STILL = 0.13, 0.13, 0.1
"""Windows of people who fall or lie, of contorted ones, and of people who keep still, for each window of an action."""
SMOOTHING, MIXING, AVERAGING = 0.1, 0.2, 0.995


@dataclass(frozen=True)
class Task:
    """A member to be trained. name: of its file. clips: which it is trained with."""

    name: str
    seed: int
    clips: tuple[int, ...]


def trained(path: Path, tasks: Sequence[Task], epochs: int, folder: Path, jobs: int) -> dict[str, Member]:
    """Train the members that are not in the folder, `jobs` at a time, and return all by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_train_into, path, task, epochs, folder) for task in tasks]
        for task, one in zip(tasks, waiting, strict=True):
            one.result()
            print(f"{task.name} is trained", flush=True)
    members = {}
    for task in tasks:
        member = Member()
        member.load_state_dict(torch.load(folder / f"{task.name}.pt", weights_only=True))
        members[task.name] = member.eval()
    return members


def _train_into(path: Path, task: Task, epochs: int, folder: Path) -> None:
    file = folder / f"{task.name}.pt"
    if not file.is_file():
        torch.set_num_threads(1)
        clips = data.load(path).part(np.array(task.clips))
        part = file.with_suffix(".part")
        torch.save(train(clips, task.seed, epochs), part)
        part.rename(file)


def train(clips: data.Clips, seed: int, epochs: int) -> dict[str, Any]:
    """Return the state of a member that is trained with the clips: the average over the steps."""
    torch.manual_seed(seed)
    maker, features, member = made.Maker(seed), Features(), Member()
    steps = len(clips.labels) // BATCH
    optimizer = torch.optim.AdamW(member.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * steps, pct_start=0.1)
    average = {name: value.clone() for name, value in member.state_dict().items()}
    still = made.postures(clips)
    for step in range(epochs * steps):
        if step % steps == 0:
            order = torch.randperm(len(clips.labels), generator=maker.dice)
        chosen = order[step % steps * BATCH :][:BATCH]
        windows, targets = _batch(maker, clips, chosen, still)
        with torch.no_grad():
            streams = features(windows)
        mixed, targets = _mixed(maker, member.stem(streams), targets)
        loss = functional.cross_entropy(member.tail(mixed), targets, label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        _average(average, member.state_dict(), min(AVERAGING, (2 + step) / (11 + step)))
    return average


def _batch(maker: made.Maker, clips: data.Clips, chosen: Tensor, still: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return windows, and their labels as shares of the classes."""
    falling, contorted = (
        torch.randint(len(clips.labels), (int(BATCH * share),), generator=maker.dice) for share in (FALLING, CONTORTED)
    )
    calm, postures = maker.still(clips.positions, still, int(BATCH * STILL))
    windows = [
        maker.actions(clips.positions[chosen], clips.lengths[chosen]),
        maker.falling(clips.positions[falling], clips.lengths[falling]),
        maker.contorted(clips.positions[contorted], clips.lengths[contorted]),
        calm,
    ]
    nothing = torch.full((len(falling) + len(contorted),), NOTHING)
    labels = [clips.labels[chosen], nothing, postures]
    return torch.cat(windows), functional.one_hot(torch.cat(labels), CLASSES).float()


def _mixed(maker: made.Maker, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Mix each window with another one (mixup), after the stems."""
    concentration = torch.full((len(x), 2), MIXING)
    shares = torch._sample_dirichlet(concentration, generator=maker.dice).amax(dim=1)
    other = torch.randperm(len(x), generator=maker.dice)
    return (
        x * shares[:, None, None] + x[other] * (1 - shares[:, None, None]),
        targets * shares[:, None] + targets[other] * (1 - shares[:, None]),
    )


def _average(average: dict[str, Tensor], state: dict[str, Tensor], past: float) -> None:
    for name, value in state.items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - past)

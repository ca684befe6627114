"""What does not fit in a dataset, before it is taught: in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from har_ros.backends.backend import BackendSettings
from har_ros.errors import HarError, counted
from har_ros.learning.advice import pair_in_words
from har_ros.learning.class_folders import ENOUGH, VIDEOS
from har_ros.learning.dataset import Dataset
from har_ros.learning.duplicates import near_duplicates
from har_ros.learning.embedders import Settings, open_embedder
from har_ros.learning.lesson import Watch, divisible, nobody, read
from har_ros.learning.samples import Samples, gather
from har_ros.recordings.bag import open_recording
from har_ros.workers.workers import HERE, Workers

UNEQUAL = 10
"""Times as many clips as another class has, from which on it is said."""
DARK = 25.0
"""Mean grey level, of 255, below which a clip's brightest window is called dark."""


@dataclass(frozen=True)
class Checked:
    """found: a sentence for each fault. left_out: one for each recording that cannot be used.

    samples: what there is to teach with, None where nothing can be. teachable: whether they can be taught.
    """

    found: list[str]
    left_out: list[str]
    samples: Samples | None
    teachable: bool = True


def check(
    dataset: Dataset,
    settings: Settings,
    backend: BackendSettings,
    console: Console,
    watch: Watch = nobody,
    workers: Workers = HERE,
) -> Checked:
    """Look at a dataset as teaching does. workers: who look at it. Raises HarError when no recording can be used."""
    found = [*dataset.empty]
    found += [f"{path} is no video and is left out ({', '.join(VIDEOS)})" for path in _strangers(dataset)]
    with open_embedder(settings, backend) as embedder:
        seen, left_out = read(embedder, dataset, console, watch, workers)
        rate = embedder.card.window.sample_rate or 0.0
    found += _odd_rates(dataset, rate)
    try:
        samples = gather(dataset.materials, seen, True)
    except HarError as error:
        return Checked([*found, str(error)], left_out, None)
    found += _unbalanced(samples)
    found += _dark(samples)
    pairs = near_duplicates(samples)
    found += [pair_in_words(samples, pair) for pair in pairs]
    try:
        divisible(samples, pairs, dataset.path)
    except HarError as error:
        return Checked([*found, str(error)], left_out, samples, teachable=False)
    return Checked(found, left_out, samples)


def _strangers(dataset: Dataset) -> list[Path]:
    """Return the files in class folders that are no videos."""
    if not dataset.path.is_dir():
        return []
    inside = [path for path in sorted(dataset.path.rglob("*")) if path.is_file() and path.parent != dataset.path]
    return [p for p in inside if p.suffix.lower() not in VIDEOS and not p.name.startswith(".")]


def _odd_rates(dataset: Dataset, rate: float) -> list[str]:
    """Name recordings with far fewer images per second than the network was taught with."""
    slow = []
    for material in dataset.materials:
        try:
            recording = open_recording(material.path)
        except HarError:  # said already
            continue
        if 0 < recording.count < recording.duration * len(recording.cameras) * rate / 2:
            slow.append((recording.count / recording.duration / len(recording.cameras), material.name))
    if not slow:
        return []
    least, name = min(slow)
    return [
        f"{counted(len(slow), 'recording')} with less than half of the network's {rate:g} images per second, down to "
        f"{least:.1f} in {name}; frames are repeated, so record at a higher rate if actions are quick"
    ]


def _unbalanced(samples: Samples) -> list[str]:
    counts = np.bincount(samples.classes, minlength=len(samples.labels))
    found = []
    for number, label in enumerate(samples.labels):
        groups = len({example.group for example in samples.of_class(number)})
        if counts[number] < ENOUGH:
            found.append(f"{label} has {counted(counts[number], 'clip')}; give {ENOUGH} or more")
        if groups < ENOUGH:
            few = counted(groups, "group")
            found.append(f"{label} has {few}; add sources or people, figures are unsure below {ENOUGH}")
    if counts.max() > UNEQUAL * counts.min():
        most, least = samples.labels[int(counts.argmax())], samples.labels[int(counts.argmin())]
        found.append(f"{most} has {counted(counts.max(), 'clip')} and {least} {counts.min()}; add clips of {least}")
    return found


def _dark(samples: Samples) -> list[str]:
    """Name clips on which hardly anything can be seen."""
    light = np.zeros(len(samples.examples))
    np.maximum.at(light, samples.example, samples.looks.mean(axis=(1, 2, 3)))
    dark = np.flatnonzero(light < DARK)
    if not len(dark):
        return []
    darkest = int(dark[light[dark].argmin()])
    return [
        f"{counted(len(dark), 'clip')} dark, down to a mean of {light[darkest]:.0f} of 255 in "
        f"{samples.examples[darkest].name}; add light, unless the robot works in the dark, too"
    ]

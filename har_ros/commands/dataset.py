"""Look at clips before they are taught."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from har_ros.commands.shared.options import BACKEND, add_parameters, at_least, values_of
from har_ros.commands.shared.parser import Parser
from har_ros.commands.shared.teaching_options import (
    add_dataset_options,
    add_people_options,
    dataset_of,
    model_of,
    people_settings,
)
from har_ros.commands.shared.workers import add_ray, workers_of
from har_ros.errors import counted
from har_ros.files.console import say
from har_ros.finetune.augment import Augmentation
from har_ros.learning.check import check
from har_ros.learning.dataset import Dataset, Material, by_class
from har_ros.learning.embedders import Settings
from har_ros.learning.samples import Samples
from har_ros.learning.windows import windows
from har_ros.models.card import ModelCard
from har_ros.models.locate import find_model
from har_ros.pipeline.configuration import backend_settings
from har_ros.recordings.bag import open_recording
from har_ros.recordings.pictures import Place, pictures
from har_ros.reports.sheet import Row, draw_sheet

ON_SHEET = 24
"""Clips of a class on the contact sheet, at most."""
SHOWN_FRAMES = 8


def run(arguments: list[str]) -> int:
    """`actionnet dataset`. Returns the exit status: 1 when something cannot be taught. Raises HarError."""
    parser = Parser(prog="actionnet dataset", description="Look at what a network is taught with.")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check", help="report what does not fit, and draw a contact sheet")
    add_dataset_options(checking)
    add_people_options(checking)
    checking.add_argument("--sheet", type=Path, default=Path("dataset.png"), help="the contact sheet (dataset.png)")
    add_parameters(checking, BACKEND)
    add_ray(checking)
    showing = commands.add_parser("show", help="draw what the network sees, after every transformation")
    add_dataset_options(showing)
    showing.add_argument("-o", "--output", type=Path, default=Path("seen.png"), help="the picture (seen.png)")
    showing.add_argument("--clips", type=at_least(1), default=2, help="of each class (2)")
    showing.add_argument("--augmented", type=at_least(0), default=2, help="draws of finetune's transformations (2)")
    options = parser.parse_args(arguments)
    dataset = dataset_of(options, options.dataset, with_empty=options.command == "check")
    return _check(dataset, options) if options.command == "check" else _show(dataset, options)


def _check(dataset: Dataset, options: argparse.Namespace) -> int:
    console = Console()
    settings = Settings(model_of(options), options.frames, people=people_settings(options))
    backend = backend_settings(values_of(options, max_batch=1))
    with workers_of(options) as workers:
        checked = check(dataset, settings, backend, Console(stderr=True), workers=workers)
    samples = checked.samples
    if samples:
        draw_sheet(_sheet(samples), options.sheet, 6)
        for number, label in enumerate(samples.labels):
            own = samples.of_class(number)
            groups = len({example.group for example in own})
            say(console, f"{label}: {counted(len(own), 'clip')} in {counted(groups, 'group')}")
    for text in checked.found:
        say(console, text)
    if samples:
        say(console, f"contact sheet: {options.sheet}")
    if dataset.empty or checked.left_out or not (samples and checked.teachable):
        return 1
    say(console, "nothing stands in the way of teaching" + ("; it would gain by the above" if checked.found else ""))
    return 0


def _sheet(samples: Samples) -> list[Row]:
    rows = []
    for number, label in enumerate(samples.labels):
        own = samples.of_class(number)
        chosen = [own[i] for i in np.unique(np.linspace(0, len(own) - 1, ON_SHEET).astype(int))]
        places = [Place(one.path, one.camera, ((one.start + one.end) // 2,)) for one in chosen]
        shown = [found[0] if found else None for found in pictures(places)]
        captions = [f"{one.name} [{one.group}]" for one in chosen]
        rows.append(Row(f"{label}: {counted(len(own), 'clip')}", list(zip(shown, captions, strict=True))))
    return rows


def _show(dataset: Dataset, options: argparse.Namespace) -> int:
    card = find_model(options.model).card
    length = card.window_frames(options.frames)
    classes = by_class(dataset.materials)
    chosen = [own[i] for own in classes for i in np.unique(np.linspace(0, len(own) - 1, options.clips).astype(int))]
    rows = [row for material in chosen for row in _seen(material, card, length, options.augmented)]
    draw_sheet(rows, options.output, SHOWN_FRAMES)
    say(Console(), f"what {card.name} sees: {options.output}")
    return 0


def _seen(material: Material, card: ModelCard, length: int, draws: int) -> Iterator[Row]:
    """Yield a recording's first window: as it is, mirrored, and as fine-tuning draws it."""
    augmentation, rng = Augmentation(), np.random.default_rng(0)
    size = (card.images.height, card.images.width)
    plain = _first_window(material, card, length)
    yield _row(
        f"{material.name} ({material.label or 'segments'}), {counted(length, 'frame')} of {size[1]}x{size[0]}", plain
    )
    yield _row("mirrored", plain[:, :, ::-1])
    if draws:
        frames = _first_window(material, augmentation.wide(card), augmentation.long(length))
        for _ in range(draws):
            yield _row("as finetune draws it", augmentation.draw(frames, length, size, rng))


def _first_window(material: Material, card: ModelCard, length: int) -> NDArray[np.uint8]:
    recording = open_recording(material.path)
    found = windows(recording, card, length, sys.maxsize, lambda clip: clip.frames.copy())[1]
    return next(camera[0].seen for camera in found.values() if camera)


def _row(title: str, frames: NDArray[np.uint8]) -> Row:
    chosen = np.linspace(0, len(frames) - 1, SHOWN_FRAMES).astype(int)
    return Row(title, [(np.ascontiguousarray(frames[i]), f"frame {i}") for i in chosen])

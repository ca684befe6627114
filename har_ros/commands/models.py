"""List the networks, download them, check their cards."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from har_ros.commands.shared.options import BACKEND, NETWORK, add_parameters, at_least, values_of
from har_ros.commands.shared.parser import Parser
from har_ros.errors import HarError
from har_ros.files.console import cell, say
from har_ros.frames.spec import SkeletonSpec
from har_ros.models.card import Card, ModelCard, PoseCard
from har_ros.models.check import examine, prepared_networks
from har_ros.models.fetch import fetch
from har_ros.models.locate import Model, find_any, find_model, find_pose_model
from har_ros.persons.estimator import PoseEstimator
from har_ros.pipeline.configuration import backend_settings
from har_ros.pipeline.opening import open_recognizer
from har_ros.settings import POSE_CARDS, card_names

MODEL = "a card's name, or the path of a card, of its folder, or of a network file"


def run(arguments: list[str]) -> int:
    """Run the command. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet models", description=__doc__)
    commands = parser.add_subparsers(dest="command", title="commands", metavar="{list,fetch,check,continual}")
    commands.add_parser("list", help="list the networks that come with har_ros (also without a command)")
    fetching = commands.add_parser("fetch", help="download a network")
    fetching.add_argument("names", nargs="+", metavar="NAME", help="a card's name or path")
    checking = commands.add_parser("check", help="compare a card with its network, and run it once")
    checking.add_argument("model", metavar="CARD", help=MODEL)
    add_parameters(checking, (*NETWORK, *BACKEND, "server", "deadline", "continual"))
    streaming = commands.add_parser("continual", help="show how a network processes each frame once, in steps")
    streaming.add_argument("model", metavar="CARD", help=MODEL)
    streaming.add_argument("--labels", default="", help="a file with one class name per line, instead of the card's")
    streaming.add_argument("--frames", type=at_least(1), default=0, help="frames in a window (as in the card)")
    options = parser.parse_args(arguments)
    if options.command == "fetch":
        return _fetch([find_any(name) for name in options.names])
    if options.command == "check":
        return _check(options)
    if options.command == "continual":
        return _continual(find_model(options.model, options.labels), options.frames)
    return _list()


def _list() -> int:
    name, shape = Column("name", no_wrap=True), Column("input", no_wrap=True)
    table = Table(name, "classes", shape, "present", "licence", box=None, pad_edge=False)
    for model in map(find_model, card_names()):
        spec, frames = model.card.input, model.card.window.frames
        size = f"{frames} skeletons" if isinstance(spec, SkeletonSpec) else f"{frames}×{spec.height}×{spec.width}"
        table.add_row(model.card.name, _classes(model), size, _present(model), model.card.licence)
    for pose in map(find_pose_model, card_names(POSE_CARDS)):
        spec = pose.card.input
        table.add_row(pose.card.name, "people", f"{spec.height}×{spec.width}", _present(pose), pose.card.licence)
    Console().print(table)
    return 0


def _present(model: Model[Card]) -> str:
    return "no" if model.missing() else "yes"


def _classes(model: Model[ModelCard]) -> str:
    try:
        return str(len(model.labels()))
    except HarError:  # its label file is not there yet
        return "?"


def _fetch(models: list[Model[Card]]) -> int:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    for model in models:
        with Progress(*columns, console=console) as progress:
            downloaded = fetch(model, _Bars(progress))
        if not downloaded:
            say(console, f"{model.card.name} is there already")
        unverified = {source.name for source in model.card.files if source.checksum is None}
        for path in downloaded:
            note = " (not verified: its card has no checksum)" if path.name in unverified else ""
            say(console, f"{path}{note}")
    return 0


class _Bars:
    """A bar for each file that is downloaded; see fetch.Progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, name: str, have: int, total: int | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name)
        self._progress.update(self._tasks[name], completed=have, total=total)


def _check(options: argparse.Namespace) -> int:
    console = Console(soft_wrap=True, highlight=False)
    if isinstance(find_any(options.model).card, PoseCard):
        return _check_pose(options, console)
    model = find_model(options.model, options.labels, options.input_blob, options.output_blob)
    networks, wrong = examine(model)
    for text in wrong:
        say(console, f"{model.card.name}: {text}")
    if wrong:
        return 1
    with open_recognizer(values_of(options, max_batch=1), skeletons=True) as recognizer:
        shapes = " and ".join(f"{'×'.join(map(str, one.shape))} {one.type}" for one in networks)
        console.print(
            f"{model.card.name} is as its card says: {shapes} in, {len(recognizer.labels)} classes out; "
            f"tried with {recognizer.network.backend.name}",
            markup=False,
        )
    return 0


def _check_pose(options: argparse.Namespace, console: Console) -> int:
    with PoseEstimator.open(options.model, backend_settings(values_of(options, max_batch=1))) as estimator:
        height, width, _ = estimator.shape
        console.print(
            f"{estimator.card.name} is as its card says: images of {height}×{width} in, people out; "
            f"tried with {estimator.backend.name}",
            markup=False,
        )
    return 0


def _continual(model: Model[ModelCard], frames: int) -> int:
    card = model.card
    twin = prepared_networks(model, frames, in_steps=True)[0].twin
    assert twin is not None
    table = Table("layer", "operator", "lag (frames)", "state", Column("kB", justify="right"), box=None)
    for layer in twin.layers:
        state = ("×".join(map(str, layer.state.shape)), f"{layer.state.size / 1e3:.0f}") if layer.state else ()
        table.add_row(cell(layer.name), cell(layer.operator), str(layer.lag), *state)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    size = sum(state.size for state in twin.states)
    console.print(
        f"{card.name}: frames in a step: {_timed(twin.stride, card)}; frames of delay: "
        f"{_timed(twin.lag * twin.stride, card)}; answers averaged, as in a window of {frames or card.window.frames} "
        f"frames: {twin.columns}; state of each camera: {size / 1e6:.1f} MB in {len(twin.states)} tensors",
        markup=False,
    )
    return 0


def _timed(frames: int, card: ModelCard) -> str:
    rate = card.window.sample_rate
    return f"{frames} ({frames / rate:.2f} s)" if rate else str(frames)

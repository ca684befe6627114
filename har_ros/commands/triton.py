"""Let networks run on a Triton Inference Server."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from rich.console import Console

from har_ros.backends.triton.repository import ExportSettings, Runner, export
from har_ros.backends.triton.wheel import running
from har_ros.commands.shared.options import add_parameters, at_least, whole_number
from har_ros.commands.shared.parser import Parser
from har_ros.errors import ConfigurationError, HarError
from har_ros.files.console import say
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.models.card import ModelCard
from har_ros.models.check import prepared_networks, prepared_pose
from har_ros.models.locate import find_any, find_model, find_pose_model
from har_ros.networks.continual import in_rows

MODEL = "a card's name, or the path of a card, of its folder, or of a network file; also of a pose card"


def run(arguments: list[str]) -> int:
    """Run the command. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet triton", description=__doc__)
    commands = parser.add_subparsers(dest="command", title="commands", metavar="{export,up}", required=True)
    exporting = commands.add_parser("export", help="write networks into a model repository for a server")
    exporting.add_argument("models", nargs="+", metavar="MODEL", help=MODEL)
    exporting.add_argument("-o", "--output", type=Path, required=True, metavar="REPOSITORY", help="the repository")
    exporting.add_argument(
        "--runner",
        choices=get_args(Runner),
        default=ExportSettings.runner,
        help=f"the server's backend; tensorrt: ONNX Runtime with TensorRT ({ExportSettings.runner})",
    )
    trying = commands.add_parser("up", help="run the server of the wheel nvidia-pytriton with networks, to try it out")
    trying.add_argument("models", nargs="+", metavar="MODEL", help=MODEL)
    trying.add_argument(
        "--port", type=whole_number(0, 65535), default=0, help="of gRPC; 0: any that is free (%(default)s)"
    )
    for command in (exporting, trying):
        command.add_argument(
            "--instances",
            type=at_least(1),
            default=ExportSettings.instances,
            help="that run at the same time (%(default)s)",
        )
        command.add_argument(
            "--max-batch",
            type=at_least(1),
            default=ExportSettings.max_batch,
            help="windows that run together (%(default)s)",
        )
        command.add_argument(
            "--streams",
            type=at_least(1),
            default=ExportSettings.streams,
            help="cameras whose states each instance of a continual network keeps (%(default)s)",
        )
        command.add_argument(
            "--jpeg", action="store_true", help="take windows as JPEG, too, for robots with transport:=jpeg"
        )
        add_parameters(command, ["frames", "continual", "precision"])
    options = parser.parse_args(arguments)
    return _export(options) if options.command == "export" else _up(options)


def _export(options: argparse.Namespace) -> int:
    for folder in _exported(options, options.output, options.runner):
        say(Console(), str(folder))
    return 0


def _up(options: argparse.Namespace) -> int:
    console = Console(stderr=True)
    with TemporaryDirectory() as repository:
        _exported(options, Path(repository), "python")
        with running(Path(repository), options.port) as server:
            say(console, f"Triton is ready: backend:=triton server:={server.address} or {server.http}; Ctrl-C ends it")
            server.process.wait()
            raise HarError(f"the server has ended: {server.ending()}")


def _exported(options: argparse.Namespace, repository: Path, runner: Runner) -> list[Path]:
    networks = [network for name in options.models for network in _networks(name, options)]
    settings = ExportSettings(
        runner, options.instances, options.max_batch, options.streams, options.precision, options.jpeg
    )
    return [folder for network in networks for folder in export(network, repository, settings)]


def _networks(name: str, options: argparse.Namespace) -> tuple[PreparedNetwork, ...]:
    """Return the networks of a card. Raises HarError."""
    card = find_any(name).card
    if isinstance(card, ModelCard):
        continual = card.continual if options.continual == "auto" else options.continual
        networks = prepared_networks(find_model(name), options.frames, continual)
        return tuple(map(in_rows, networks)) if continual else networks
    if options.frames:
        raise ConfigurationError(f"{name} is a pose card, which takes single images; leave out --frames")
    return (prepared_pose(find_pose_model(name)),)

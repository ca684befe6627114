"""Train a network end to end on your own classes where `actionnet teach` ends; needs PyTorch, preferably a GPU."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace

from rich.console import Console

from har_ros.commands.shared.options import BACKEND, add_parameters, at_least, between, values_of
from har_ros.commands.shared.parser import Parser
from har_ros.commands.shared.summary import show
from har_ros.commands.shared.teaching_options import (
    add_dataset_options,
    add_people_options,
    add_teaching_options,
    dataset_of,
    model_of,
    people_settings,
)
from har_ros.errors import ConfigurationError
from har_ros.finetune.architectures import ARCHITECTURES
from har_ros.finetune.finetune import finetune
from har_ros.finetune.training import FOR_SKELETONS, FROM_THE_BEGINNING, TrainSettings
from har_ros.learning.embedders import Settings
from har_ros.models.locate import find_model
from har_ros.pipeline.configuration import backend_settings


def run(arguments: list[str]) -> int:
    """`actionnet finetune`. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet finetune", description=__doc__)
    add_dataset_options(parser)
    add_people_options(parser)
    add_teaching_options(parser)
    _add_training_options(parser)
    add_parameters(parser, BACKEND)
    options = parser.parse_args(arguments)
    settings = _settings(options)
    training = _training(options, settings.model)
    console = Console(stderr=True)
    folder = options.output.expanduser().absolute()
    try:
        metrics = finetune(
            dataset_of(options, options.dataset),
            folder,
            settings,
            training,
            backend_settings(values_of(options, max_batch=1)),
            console,
            overwrite=options.overwrite,
            cross_validate=options.cross_validate,
        )
    except KeyboardInterrupt:
        console.print("interrupted; the same command resumes after the last epoch")
        raise
    if metrics is not None:
        show(metrics, folder)
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    """Return the settings that `teach` has, too. Raises HarError."""
    if options.architecture and options.model:
        raise ConfigurationError(
            f"--architecture {options.architecture} is trained from the beginning, not on top of {options.model}; "
            "leave out one of the two"
        )
    if options.architecture and options.frozen:
        raise ConfigurationError("--frozen keeps layers as they are, and an --architecture is untrained; leave out one")
    model = options.architecture or model_of(options)
    return Settings(model, options.frames, options.mirror, options.between, people_settings(options))


def _training(options: argparse.Namespace, model: str) -> TrainSettings:
    """Return what is given, and for the rest what is usual for images or for skeletons. Raises HarError."""
    if options.architecture:
        usual = FROM_THE_BEGINNING
    else:
        usual = FOR_SKELETONS if find_model(model).card.kind == "sequence" else TrainSettings()
    given = {field.name: getattr(options, field.name, None) for field in fields(TrainSettings)}
    given |= {"unmirrored": tuple(options.unmirrored), "training_precision": options.mixed_precision}
    return replace(usual, **{name: value for name, value in given.items() if value is not None})


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    usual = TrainSettings()

    def each(name: str) -> str:
        """Return what is usual for images, for skeletons, and for an architecture where that differs."""
        images, skeletons, architecture = (getattr(one, name) for one in (usual, FOR_SKELETONS, FROM_THE_BEGINNING))
        more = f", with --architecture {architecture:g}" if architecture != skeletons else ""
        return f"{images:g}; with skeletons {skeletons:g}{more}"

    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        default="",
        help="with skeletons, the network to train from the beginning, in place of --model",
    )
    parser.add_argument("--epochs", type=at_least(1), help=f"passes over the clips ({each('epochs')})")
    parser.add_argument("--batch-size", type=at_least(1), help=f"clips in a batch ({each('batch_size')})")
    parser.add_argument(
        "--accumulate",
        type=at_least(1),
        default=usual.accumulate,
        help="batches whose gradients are added up for a step (1)",
    )
    parser.add_argument("--rate", type=between(0, 1), help=f"largest learning rate ({each('rate')})")
    parser.add_argument(
        "--weight-decay", type=between(0, 1), default=usual.weight_decay, help="AdamW's weight decay (1e-4)"
    )
    parser.add_argument(
        "--frozen",
        type=between(0, 1),
        help=f"fraction of the layers, from the input on, to freeze ({each('frozen')})",
    )
    parser.add_argument(
        "--label-smoothing",
        type=between(0, 0.9),
        default=usual.label_smoothing,
        help="smoothing of the labels in the loss (0.1)",
    )
    parser.add_argument("--workers", type=at_least(0), help=f"processes or threads that read clips ({each('workers')})")
    parser.add_argument(
        "--unmirrored", action="append", default=[], metavar="CLASS", help="a class in which left and right matter"
    )
    parser.add_argument(
        "--cross-validate", action="store_true", help="train once for each fold, and once with all clips"
    )
    parser.add_argument("--accelerator", default="auto", help="Lightning's: auto, cpu, gpu (auto)")
    parser.add_argument("--strategy", default="auto", help="Lightning's, such as ddp (auto)")
    parser.add_argument("--devices", default="auto", help="number of GPUs per machine (auto)")
    parser.add_argument("--nodes", type=at_least(1), default=1, help="number of machines (1)")
    parser.add_argument("--mixed-precision", default="auto", help="Lightning's precision: 16-mixed on a GPU (auto)")

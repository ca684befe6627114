"""Command-line options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import get_args

from har_ros.backends.backend import BackendSettings
from har_ros.settings import BACKENDS, Device, Precision


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add what can replace a card's fields, and what runs the network."""
    parser.add_argument("--labels", default="", help="a file with a class name per line, in place of the card's")
    parser.add_argument("--input-blob", default="", help="name of the network's input, in place of the card's")
    parser.add_argument("--output-blob", default="", help="name of the network's output, in place of the card's")
    add_backend_options(parser)
    parser.add_argument(
        "--continual",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let a clip network take each frame once, in steps, in place of whole windows (as its card says)",
    )


def add_backend_options(parser: argparse.ArgumentParser) -> None:
    """Add what runs the network."""
    parser.add_argument("--backend", default="auto", choices=("auto", *BACKENDS), help="what runs the network (auto)")
    parser.add_argument("--precision", default="auto", choices=get_args(Precision), help="of the arithmetic (auto)")
    parser.add_argument("--device", default="CPU", choices=get_args(Device), help="what OpenVINO runs on (CPU)")


def backend_settings(options: argparse.Namespace) -> BackendSettings:
    """Return the options as settings, for one input at a time."""
    return BackendSettings(options.backend, options.precision, options.device, max_batch=1)


def at_least(low: int) -> Callable[[str], int]:
    """Return what reads a whole number from `low` on."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is below {low}")
        return value

    return read


def between(low: float, high: float) -> Callable[[str], float]:
    """Return what reads a number from `low` to `high`, both included."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low:g} to {high:g}")
        return value

    return read

"""Command-line options that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from har_ros.errors import ConfigurationError
from har_ros.parameter import Parameter, Value
from har_ros.settings import ACTIONNET

NETWORK = ("labels", "input_blob", "output_blob")
"""What can replace a card's fields."""
BACKEND = ("backend", "precision", "device")
"""What runs the network."""
OPTIONS = tuple(row.name for row in ACTIONNET if row.option)
"""The node's parameters that are options of the command."""


def add_parameters(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add options for these parameters of the node: --top-k for top_k. See values_of."""
    for row in (row for row in ACTIONNET if row.name in names):
        _add(parser, row)


def values_of(options: argparse.Namespace, **others: Any) -> dict[str, Any]:
    """Return a value for each parameter of the node: what the options say, what is given here, else the default.

    Raises ConfigurationError for an option that has no effect without another.
    """
    values = {row.name: row.read(getattr(options, row.name, row.default)) for row in ACTIONNET}
    for row in ACTIONNET:
        if hasattr(options, row.needs) and not values[row.needs] and values[row.name] != row.default:
            raise ConfigurationError(f"{_option(row.name)} needs {_option(row.needs)}; add it")
    return {**values, **others}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _add(parser: argparse.ArgumentParser, row: Parameter) -> None:
    option = _option(row.name)
    shown = row.description.replace("%", "%%")
    if isinstance(row.default, list):  # given once for each item
        parser.add_argument(
            option.removesuffix("s"), dest=row.name, action="append", default=[], metavar="NAME", help=shown
        )
    elif isinstance(row.default, bool):
        parser.add_argument(option, action="store_true", help=shown)
    elif row.choices == ("auto", "true", "false"):
        parser.add_argument(option, action=argparse.BooleanOptionalAction, default="auto", help=shown)
    else:
        names = ("--network", option) if row.name == "model" else (option,)
        text = f"{shown} ({row.default_text})" if row.default_text else shown
        parser.add_argument(
            *names, dest=row.name, type=_type(row), choices=row.choices or None, default=row.default, help=text
        )


def _type(row: Parameter) -> Callable[[str], Value]:
    if row.low is None or row.high is None:
        return str
    if isinstance(row.default, int):
        return whole_number(int(row.low), int(row.high), row.step)
    return between(row.low, row.high)


def at_least(low: int) -> Callable[[str], int]:
    """Return what reads a whole number from `low` on."""
    return whole_number(low, sys.maxsize)


def whole_number(low: int, high: int, step: int = 1) -> Callable[[str], int]:
    """Return what reads a whole number from `low` to `high`, both included, that is a multiple of `step`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if not low <= value <= high:
            where = f"below {low}" if value < low else f"above {high}"
            raise argparse.ArgumentTypeError(f"{text} is {where}")
        if value % step:
            raise argparse.ArgumentTypeError(f"{text} is no multiple of {step}")
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

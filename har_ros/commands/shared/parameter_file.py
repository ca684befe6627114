"""The node's parameters without a node: from a parameter file and the command line."""

from __future__ import annotations

import argparse
import difflib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har_ros.errors import ConfigurationError
from har_ros.files.schema import load_yaml, shown
from har_ros.files.text import read_text
from har_ros.parameter import Parameter, unknown_names
from har_ros.settings import ACTIONNET

logger = logging.getLogger(__name__)

NODE = "actionnet"


def node_parameters(params_file: str = "", given: Sequence[str] = ()) -> dict[str, Any]:
    """Return a value for each parameter of the node.

    params_file: a ROS parameter file, empty for none. given: texts like "threshold:=0.3", which override the file.
    Raises ConfigurationError for what the node would refuse.
    """
    values: dict[str, Any] = {}
    if params_file:
        values.update(_of_file(Path(params_file)))
    for text in given:
        name, separator, value = text.partition(":=")
        if not separator:
            raise ConfigurationError(f"parameter {text!r} is not understood; write it as threshold:=0.3")
        values[name] = load_yaml(value, f"parameter {text!r}")
        if name not in _ROWS:
            similar = ", ".join(difflib.get_close_matches(name, _ROWS, 3) or list(_ROWS))
            raise ConfigurationError(f"parameter {name!r} is unknown; some are {similar}")
    for name in unknown_names(values, ACTIONNET):
        logger.warning("%s: parameter %r is unknown and left out", params_file, name)
    return {name: checked(row, values.get(name, row.default)) for name, row in _ROWS.items()}


_ROWS = {row.name: row for row in ACTIONNET}


def checked(row: Parameter, value: object) -> Any:
    """Return the value as the node would use it. Raises ConfigurationError when its type or range is wrong."""
    wanted = type(row.default)
    fits = isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
    if isinstance(value, list):
        fits = wanted is list and all(isinstance(item, str) for item in value)
    if isinstance(value, bool) and row.any_type:
        fits = True
    if fits and isinstance(value, (int, float)):
        fits = row.in_range(value)
    if not fits:
        raise ConfigurationError(f"parameter {row.name} is {shown(value)}; give {row.expected}")
    return row.read(value)


def _of_file(path: Path) -> dict[str, Any]:
    """Return the values that a parameter file has for a node called actionnet, in any namespace."""
    content = load_yaml(read_text(path), str(path))
    if not isinstance(content, Mapping):
        raise ConfigurationError(f"{path} holds {shown(content)}; give a ROS parameter file, as config/actionnet.yaml")
    values: dict[str, Any] = {}
    found = False
    for node, section in content.items():
        if str(node).rpartition("/")[2] not in (NODE, "*", "**"):
            continue
        parameters = section.get("ros__parameters") if isinstance(section, Mapping) else None
        if not isinstance(parameters, Mapping):
            raise ConfigurationError(f"{path}: {node} has no ros__parameters; write them below that")
        values.update({str(name): value for name, value in parameters.items()})
        found = True
    if not found:
        raise ConfigurationError(f"{path} says nothing to a node called {NODE}; put it below /** or /{NODE}")
    return values


def add_parameter_file(parser: argparse.ArgumentParser) -> None:
    """Add the options that node_parameters takes."""
    parser.add_argument("--params-file", default="", help="a parameter file of the node, such as config/actionnet.yaml")
    parser.add_argument(
        "-p", "--param", action="append", default=[], metavar="NAME:=VALUE", help="a parameter of the node"
    )

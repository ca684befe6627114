"""The node's parameters without a node: from a parameter file and the command line."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har_ros.errors import ConfigurationError
from har_ros.files.schema import load_yaml, shown
from har_ros.files.text import read_text
from har_ros.parameter import unknown_names
from har_ros.pipeline.configuration import parameter_values
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
        found = _of_file(Path(params_file))
        for name in unknown_names(found, ACTIONNET):
            logger.warning("%s: parameter %r is unknown and left out", params_file, name)
        values.update({row.name: found[row.name] for row in ACTIONNET if row.name in found})
    for text in given:
        name, separator, value = text.partition(":=")
        if not separator:
            name, _, value = text.partition("=")
            raise ConfigurationError(f"parameter {text!r} is not understood; write it as {name}:={value or 'VALUE'}")
        values[name] = load_yaml(value, f"parameter {text!r}")
    return parameter_values(values)


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

"""`--help` for a node's parameters."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence

from rclpy.utilities import remove_ros_args

from har_ros.parameter import Parameter


def check_arguments(
    program: str, description: str | None, table: Sequence[Parameter], arguments: list[str] | None = None
) -> None:
    """Print help and exit when the command line asks for it; exit with status 2 when it has more than ROS arguments.

    arguments: sys.argv when None.
    """
    parser = argparse.ArgumentParser(
        prog=f"ros2 run har_ros {program}",
        usage="%(prog)s [-h] [--ros-args -p NAME:=VALUE … --params-file FILE …]",
        description=description,
        epilog=_parameters(table),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _, others = parser.parse_known_args(other_arguments(arguments))
    if others:
        parser.error(f"{others[0]!r} is not understood; give a parameter as --ros-args -p NAME:=VALUE, see --help")


def other_arguments(arguments: list[str] | None = None) -> list[str]:
    """Return what is no ROS argument, without the program's name; nothing when rclpy.init will refuse them."""
    try:
        others: list[str] = remove_ros_args(arguments)[1:]
    except RuntimeError:
        return []
    return others


def _parameters(table: Sequence[Parameter]) -> str:
    wrapper = textwrap.TextWrapper(100, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False)
    lines = ["parameters, each with its default:"]
    for row in table:
        lines.append(f"  {row.name}:={row.default_text}")
        lines += wrapper.wrap(f"{row.description} Give {row.expected}.")
    return "\n".join(lines)

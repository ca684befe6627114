"""Starts the actionnet node. `ros2 launch har_ros actionnet.launch.py --show-args` lists the arguments."""

import os
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from har_ros.settings import ACTIONNET, Parameter

CONFIG = Path(get_package_share_directory("har_ros")) / "config"
PARAMS_FILE = CONFIG / "actionnet.yaml"
FULL_SPEED = {
    "FASTRTPS_DEFAULT_PROFILES_FILE": str(CONFIG / "fastdds.xml"),
    "FASTDDS_DEFAULT_PROFILES_FILE": str(CONFIG / "fastdds.xml"),  # its name from Kilted on
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),  # glibc: memory of one image is kept for the next
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),
}
"""The environment that lets images travel at full speed, for this node and for camera drivers."""


def generate_launch_description() -> LaunchDescription:
    """Every parameter of the node is an argument; one that is not given stays as the parameter file has it."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("params_file", default_value=str(PARAMS_FILE), description="Parameter file (YAML)."),
            DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node and its topics."),
            DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn, error or fatal."),
            DeclareLaunchArgument(
                "use_sim_time", default_value="false", description="Take the time from /clock, as when a bag is played."
            ),
            DeclareLaunchArgument(
                "shared_memory",
                default_value="true",
                description="Images through shared memory, for this node and what is launched after it (see README).",
            ),
            *[
                DeclareLaunchArgument(row.name, default_value="", description=f"{row.description} ({row.expected})")
                for row in ACTIONNET
            ],
            OpaqueFunction(function=_node),
        ]
    )


def _node(context: LaunchContext) -> list[Action]:
    def argument(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    given: dict[str, Any] = {row.name: _typed(row, argument(row.name)) for row in ACTIONNET if argument(row.name)}
    given["use_sim_time"] = argument("use_sim_time").lower() == "true"
    wanted = FULL_SPEED if argument("shared_memory").lower() == "true" else {}
    missing = {name: value for name, value in wanted.items() if name not in os.environ}
    return [
        *[SetEnvironmentVariable(name, value) for name, value in missing.items()],
        Node(
            package="har_ros",
            executable="actionnet",
            name="actionnet",
            namespace=argument("namespace"),
            parameters=[argument("params_file"), given],
            arguments=["--ros-args", "--log-level", argument("log_level")],
            output="screen",
            emulate_tty=True,
        ),
    ]


def _typed(row: Parameter, text: str) -> Any:
    """Read the argument as YAML; a whole number may stand for one with a point, the node refuses what does not fit."""
    try:
        value = text if isinstance(row.default, str) else yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if value == []:
        return [""]  # launch cannot pass an empty list; the node refuses this one as well
    return float(value) if isinstance(row.default, float) and type(value) is int else value

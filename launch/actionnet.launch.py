"""Starts the actionnet node. `ros2 launch har_ros actionnet.launch.py --show-args` lists the arguments.

Launch hands arguments on by their names: what a file is given, all that is included later in the same scope sees, too.
A file that includes this one beside others therefore puts each include into a group of its own:
GroupAction([IncludeLaunchDescription(…)], forwarding=False); examples/bringup shows it.
"""

import os
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from har_ros.nodes.middleware import AS_INSTALLED, MALLOC, shared_memory
from har_ros.parameter import Parameter, Value
from har_ros.settings import ACTIONNET

CONFIG = Path(get_package_share_directory("har_ros")) / "config"
USE_SIM_TIME = Parameter("use_sim_time", False, "Take the time from /clock, as when a bag is played.")
ARGUMENTS = (
    Parameter("params_file", str(CONFIG / "actionnet.yaml"), "Parameter file (YAML)."),
    Parameter("namespace", "", "Namespace of the node and its topics."),
    Parameter("log_level", "info", "debug, info, warn, error or fatal."),
    Parameter(
        "shared_memory",
        True,
        "Send images through shared memory, from this node and what is launched after it "
        "(docs/how-to/images-at-full-rate.md).",
    ),
    USE_SIM_TIME,
    *ACTIONNET,
)
"""The launch file's own, and every parameter of the node."""


def generate_launch_description() -> LaunchDescription:
    """An argument that is not given stays as the parameter file has it, and its default goes to no other file."""
    declared = [
        DeclareLaunchArgument(
            row.name, default_value=row.default_text, description=f"{row.description} ({row.expected})"
        )
        for row in ARGUMENTS
    ]
    # The node comes first: once they are declared, all arguments look given.
    return LaunchDescription([OpaqueFunction(function=_node), GroupAction(declared)])


def _node(context: LaunchContext) -> list[Action]:
    configurations = context.launch_configurations
    given = {row.name: configurations[row.name] for row in ARGUMENTS if configurations.get(row.name)}
    text = {row.name: given.get(row.name, row.default_text) for row in ARGUMENTS}
    parameters = {row.name: _value(row, given[row.name]) for row in (USE_SIM_TIME, *ACTIONNET) if row.name in given}
    shared = text["shared_memory"].lower() == "true"
    wanted = {**MALLOC, **shared_memory(CONFIG / "fastdds.xml")} if shared else AS_INSTALLED
    missing = {name: value for name, value in wanted.items() if name not in os.environ}
    shown = " ".join(f"{name}:={value}" for name, value in given.items())
    return [
        *([LogInfo(msg=f"actionnet.launch.py was given {shown}")] if given else []),
        *[SetEnvironmentVariable(name, value) for name, value in missing.items()],
        Node(
            package="har_ros",
            executable="actionnet",
            name="actionnet",
            namespace=text["namespace"],
            parameters=[text["params_file"], *([parameters] if parameters else [])],
            arguments=["--ros-args", "--log-level", text["log_level"]],
            output="screen",
            emulate_tty=True,
        ),
    ]


def _value(row: Parameter, text: str) -> Value | ParameterValue:
    """Read the argument as YAML; a whole number may stand for one with a point, the node refuses what does not fit."""
    as_it_is = ParameterValue(text, value_type=str)
    if isinstance(row.default, str):
        return as_it_is
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return as_it_is
    if value == []:
        return [""]  # launch cannot pass an empty list; the node takes this one as empty
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ParameterValue(value, value_type=list[str])  # else launch reads each as YAML: "no" is a label, too
    if isinstance(row.default, float) and type(value) is int:
        return float(value)
    return as_it_is if isinstance(value, str) or value is None else value

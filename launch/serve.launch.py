"""Starts the server beside the actionnet node. `ros2 launch har_ros serve.launch.py --show-args` lists arguments."""

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction
from launch_ros.actions import Node

from har_ros.parameter import Parameter

OPTIONS = (
    Parameter("host", "127.0.0.1", "The address to listen to; 127.0.0.1: this machine only."),
    Parameter("port", 8765, "The port to listen to; 0: any that is free.", low=0, high=65535),
    Parameter("folder", "~/har_ros-service", "The folder for videos and results."),
    Parameter("models", "", "A folder with taught networks; empty: none."),
    Parameter("datasets", "", "A folder with datasets, which clients may teach networks with; empty: none."),
    Parameter("token", "", "A file with the token that clients must send; empty: none."),
)
"""Options of the program."""
ARGUMENTS = (
    *OPTIONS,
    Parameter("namespace", "", "Namespace of the actionnet node."),
    Parameter("log_level", "info", "debug, info, warn, error or fatal."),
)


def generate_launch_description() -> LaunchDescription:
    """As in actionnet.launch.py: the node comes first, and the defaults go to no other file."""
    declared = [
        DeclareLaunchArgument(
            row.name, default_value=row.default_text, description=f"{row.description} ({row.expected})"
        )
        for row in ARGUMENTS
    ]
    return LaunchDescription([OpaqueFunction(function=_node), GroupAction(declared)])


def _node(context: LaunchContext) -> list[Action]:
    text = {row.name: context.launch_configurations.get(row.name) or row.default_text for row in ARGUMENTS}
    options = [(f"--{row.name}", text[row.name]) for row in OPTIONS if text[row.name]]
    return [
        Node(
            package="har_ros",
            executable="serve",
            name="serve",
            namespace=text["namespace"],
            parameters=[],
            arguments=[
                *[part for option in options for part in option],
                *("--ros-args", "--log-level", text["log_level"]),
            ],
            output="screen",
            emulate_tty=True,
        )
    ]

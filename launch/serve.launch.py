"""Starts the server beside the actionnet node. `ros2 launch har_ros serve.launch.py --show-args` lists arguments."""

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction
from launch_ros.actions import Node

OPTIONS = {
    "host": "The address to listen to; 127.0.0.1: this machine only.",
    "port": "The port to listen to; 0: any that is free.",
    "folder": "The folder for videos and results.",
    "models": "A folder with taught networks; empty: none.",
    "datasets": "A folder with datasets, which clients may teach networks with; empty: none.",
    "token": "A file with the token that clients must send; empty: none.",
}
"""Options of the program that are handed on when they are given."""
DEFAULTS = {"host": "127.0.0.1", "port": "8765", "folder": "~/har_ros-service"}
OTHERS = {
    "namespace": ("", "Namespace of the actionnet node."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
}


def generate_launch_description() -> LaunchDescription:
    """As in actionnet.launch.py: the node comes first, and the defaults go to no other file."""
    texts = {**{name: (DEFAULTS.get(name, ""), text) for name, text in OPTIONS.items()}, **OTHERS}
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text) for name, (default, text) in texts.items()
    ]
    return LaunchDescription([OpaqueFunction(function=_node), GroupAction(declared)])


def _node(context: LaunchContext) -> list[Action]:
    given = context.launch_configurations
    options = [(name, given.get(name) or DEFAULTS.get(name)) for name in OPTIONS]
    return [
        Node(
            package="har_ros",
            executable="serve",
            name="serve",
            namespace=given.get("namespace", ""),
            parameters=[],
            arguments=[
                *[text for name, value in options if value for text in (f"--{name}", value)],
                *("--ros-args", "--log-level", given.get("log_level") or "info"),
            ],
            output="screen",
            emulate_tty=True,
        )
    ]

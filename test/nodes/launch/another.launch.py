"""As another package's launch file may be: its arguments have the names of ours, and other meanings."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument


def generate_launch_description():
    arguments = {"model": "yolo.pt", "device": "cuda:0", "threshold": "0.5", "namespace": "yolo", "params_file": "/a"}
    return LaunchDescription([DeclareLaunchArgument(name, default_value=value) for name, value in arguments.items()])

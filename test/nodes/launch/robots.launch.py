"""Two robots beside another package's launch file; the nodes name the first parameter that is wrong, and end."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

ACTIONNET = Path(get_package_share_directory("har_ros"), "launch", "actionnet.launch.py")
ANOTHER = Path(__file__).with_name("another.launch.py")


def include(path, **given):
    return IncludeLaunchDescription(PythonLaunchDescriptionSource(str(path)), launch_arguments=given.items())


def generate_launch_description():
    robots = [
        include(ACTIONNET, namespace="robot1", threshold="1.5"),
        include(ACTIONNET, namespace="robot2", model="/nowhere.onnx"),
        include(ACTIONNET, top_k="0"),
    ]
    groups = [GroupAction([robot], forwarding=False) for robot in robots]
    return LaunchDescription([include(ANOTHER), *groups])

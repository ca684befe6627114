"""Two robots, each with a parameter file of its own: `ros2 launch examples/bringup/two_robots.launch.py`.

Their results are /robot1/actions and /robot2/actions.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

FOLDER = Path(__file__).parent
ACTIONNET = Path(get_package_share_directory("har_ros"), "launch", "actionnet.launch.py")


def generate_launch_description() -> LaunchDescription:
    """Start both."""
    return LaunchDescription([robot("robot1"), robot("robot2")])


def robot(name: str) -> GroupAction:
    """Return a robot's node, in a group: what it is given does not reach the next, nor another package's launch file.

    forwarding=False: nor do arguments of this launch file and of others that come before reach the node.
    """
    given = {"namespace": name, "params_file": str(FOLDER / f"{name}.yaml")}
    source = PythonLaunchDescriptionSource(str(ACTIONNET))
    return GroupAction([IncludeLaunchDescription(source, launch_arguments=given.items())], forwarding=False)

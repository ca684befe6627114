"""The real network on real video, through the installed programs, each a process of its own."""

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from ament_index_python.packages import get_package_prefix
from vision_msgs.msg import Classification

from har_ros.msg import ActionWindow

WAIT = 180
"""Seconds for eight windows, which the real network needs a few for on a machine that is not busy."""


def test_the_command_is_installed_beside_the_node():
    command = [Path(get_package_prefix("har_ros"), "bin", "actionnet"), "models"]
    assert "i3d-kinetics-400" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def program(stack, executable, *parameters):
    command = [Path(get_package_prefix("har_ros"), "lib", "har_ros", executable), "--ros-args"]
    process = stack.enter_context(subprocess.Popen([*command, *(x for p in parameters for x in ("-p", p))]))
    stack.callback(process.terminate)
    return process


def test_two_cameras_of_a_man_swinging_his_leg(ros, demo_videos):
    """models.md: looped, 64-frame windows say "swinging legs" on cameras 3 and 4."""
    first, second = (str(demo_videos / f"{name}.mp4") for name in ("cam03", "cam04"))
    actions, windows = ros.inbox(Classification, "/actions"), ros.inbox(ActionWindow, "/actions/windows")
    with ExitStack() as stack:
        program(stack, "actionnet", "image_topics:=[/cam01/image_raw, /cam02/image_raw]", "sample_rate:=12.5")
        program(stack, "video_source", f"videos:=[{first}, {second}]", "max_side:=320", "rate:=12.5")
        answers = {"cam01": [], "cam02": []}
        ros.until(lambda: not actions.empty(), "the first action")
        deadline = time.monotonic() + WAIT
        # of the last four of each; at first, a busy machine loses images
        while answers["cam02"][-4:].count("swinging legs") < 3 or answers["cam01"][-4:].count("swinging legs") < 2:
            assert time.monotonic() < deadline, answers
            action = ros.receive(actions, "an action")
            window = ros.receive(windows, "a window")
            assert window.header == action.header
            assert window.image_topic == f"/{action.header.frame_id}/image_raw"
            span = window.window_end.sec - window.window_start.sec
            # 63 steps of 0.08 s; where images were lost, a later one may stand in for the first
            assert span + (window.window_end.nanosec - window.window_start.nanosec) / 1e9 > 4.0
            answers[action.header.frame_id].append(action.results[0].class_id)

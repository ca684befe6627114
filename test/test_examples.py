"""The examples that need no ROS, and the layouts for RViz and Foxglove."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml
from pictures import write_pictures, write_video

from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.models.locate import find_model
from har_ros.settings import ACTIONNET

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "examples"
CONFIG = REPOSITORY / "config"
ANNOTATED = ["/cam01/actions_image", "/cam02/actions_image"]


def recognize_file(*arguments):
    command = [sys.executable, EXAMPLES / "recognize_file.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_file_becomes_a_table_of_actions(tmp_path, brightness_card):
    """Frames of brightness 0, 10, 20 … 250, 4, 14 …: the newest of four is the brightest, until the values begin again.

    The network scores a tenth of the brightness, so the lead of a step of ten is e to one.
    """
    video = write_video(tmp_path / "a.avi", 28, rate=10.0)
    ran = recognize_file(video, "--model", brightness_card)
    assert ran.returncode == 0, ran.stderr
    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["0.30", "2.50", "fourth"],
        ["2.60", "2.60", "third"],
        ["2.70", "2.70", "second"],
    ]


def test_people_have_lines_of_their_own(tmp_path, brightness_card, movenet):
    """The grey pictures show nobody, who is looked for all the same."""
    video = write_video(tmp_path / "a.avi", 6, rate=10.0)
    ran = recognize_file(video, "--model", brightness_card, "--persons")
    assert (ran.returncode, ran.stdout.split()) == (0, ["0.30", "0.50", "fourth"]), ran.stderr


def test_a_file_that_cannot_work_is_told_in_a_sentence(tmp_path, brightness_card):
    absent = recognize_file(tmp_path / "absent.mp4", "--model", brightness_card)
    short = recognize_file(write_pictures(tmp_path / "short", ["1.png"]), "--model", brightness_card)
    for ran, reason in ((absent, "does not exist"), (short, "is shorter than a window")):
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
        assert reason in ran.stderr


def test_the_parameter_file_says_only_what_differs_and_fits(caplog):
    path = EXAMPLES / "four_rooms.yaml"
    [given] = yaml.safe_load(path.read_text()).values()
    values = node_parameters(str(path))
    assert caplog.messages == []  # every name is one of the node's
    defaults = {row.name: row.default for row in ACTIONNET}
    assert {name for name in values if values[name] != defaults[name]} == set(given["ros__parameters"])
    assert set(values["allowed_labels"]) <= set(find_model(values["model"]).labels())


def test_rviz_shows_the_annotated_images():
    content = yaml.safe_load((CONFIG / "actionnet.rviz").read_text())
    manager = content["Visualization Manager"]
    images = [display for display in manager["Displays"] if display["Class"] == "rviz_default_plugins/Image"]
    assert [image["Topic"]["Value"] for image in images] == ANNOTATED
    assert all(image["Topic"]["Reliability Policy"] == "Best Effort" for image in images)  # fits any publisher
    assert {image["Name"] for image in images} <= set(content["Window Geometry"])  # each has a dock


def panels(layout):
    if isinstance(layout, str):
        return [layout]
    assert set(layout) == {"direction", "first", "second", "splitPercentage"}
    return [*panels(layout["first"]), *panels(layout["second"])]


def test_foxglove_shows_the_nodes_topics():
    content = json.loads((CONFIG / "actionnet.foxglove.json").read_text())
    configured = content["configById"]
    assert sorted(panels(content["layout"])) == sorted(configured)
    kinds = {name: name.partition("!")[0] for name in configured}
    shown = {kind: [configured[name] for name in configured if kinds[name] == kind] for kind in kinds.values()}
    assert [image["imageMode"]["imageTopic"] for image in shown["Image"]] == ANNOTATED
    assert [messages["topicPath"] for messages in shown["RawMessages"]] == ["/actions"]
    assert [summary["topicToRender"] for summary in shown["DiagnosticSummary"]] == ["/diagnostics"]
    fields = (REPOSITORY / "msg" / "ActionWindow.msg").read_text()
    for plotted in shown["Plot"][0]["paths"]:
        path = r'/actions/windows\{(\w+)=="/cam0[12]/image_raw"\}\.(\w+)\[0\]\.score'
        assert all(re.search(rf" {field}\b", fields) for field in re.fullmatch(path, plotted["value"]).groups())


def test_each_example_has_its_line():
    told = (EXAMPLES / "README.md").read_text()
    assert [path.name for path in EXAMPLES.iterdir() if path.name != "README.md" and path.name not in told] == []

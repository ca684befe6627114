"""What README.md shows can be copied and runs as printed; its ROS node is in nodes/test_readme_node.py."""

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from readme import README, fenced, inline_commands, shell_commands

from har_ros.commands.evaluate import main as evaluate
from har_ros.commands.main import main as actionnet
from har_ros.commands.teach import main as teach
from har_ros.models.card import load_card
from har_ros.settings import ACTIONNET, RECORD_ACTION, VIDEO_SOURCE

REPOSITORY = README.parent
PARAMETERS = {row.name for row in ACTIONNET}
TRANSITIONS = ("configure", "activate", "deactivate", "cleanup")
NOT_RUN = {
    "cd": "the user's workspace",
    "git": "the user's copy of the repository",
    "rosdep": "asks ROS's own package index, which a machine without ROS does not have",
    "colcon": "builds in a sourced ROS workspace; the Makefile builds the same package for these tests",
    "source": "the user's workspace",
    "python3": "makes an environment in the user's workspace; docker/Dockerfile has the same",
    "touch": "the user's workspace",
    "pip": "changes the environment; docker/Dockerfile has the same line",
    "export": "asks `ros2 pkg`, which PyPI does not have; test_launch.py has the same variables from the launch file",
    "ros2 topic": "needs ros2cli, which PyPI does not have",
}
"""Commands that need a robot or change the machine, and why a test does not run them."""

ROSDEP = {
    "numpy": "python3-numpy",
    "opencv-python-headless": "python3-opencv",
    "PyYAML": "python3-yaml",
    "rich": "python3-rich",
    "Jinja2": "python3-jinja2",
    "matplotlib": "python3-matplotlib",
    "scipy": "python3-scipy",
    "scikit-learn": "python3-sklearn",
    "pytest": "python3-pytest",
}
"""Packages of PyPI → the keys that rosdistro's rosdep/python.yaml had in August 2026; rosdep ends at an unknown one."""


class ParsedError(BaseException):
    """The command line was understood."""


@pytest.fixture
def parse_only(monkeypatch):
    """Let the commands' own parsers read their command lines, and end there."""

    def stopping(parse):
        def parse_and_stop(self, *args, **kwargs):
            parse(self, *args, **kwargs)
            raise ParsedError

        return parse_and_stop

    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(argparse.ArgumentParser, name, stopping(getattr(argparse.ArgumentParser, name)))

    def parse(program, words):
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(ParsedError):
            program()

    return parse


def test_the_library_runs_as_printed(shared_data, tmp_path):
    """On DeepMind's clip of cricket, with the real network: two windows and one more frame."""
    capture = cv2.VideoCapture(str(shared_data / "cricket.gif"))
    writer = cv2.VideoWriter(str(tmp_path / "input.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (224, 224))
    for _ in range(66):
        writer.write(capture.read()[1])
    writer.release()
    [printed] = [block for block in fenced("python") if "rclpy" not in block]
    ran = subprocess.run([sys.executable, "-c", printed], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["2.52", "2.56", "2.6"]
    assert all(line.partition(" ")[2].startswith("[('playing cricket', 0.9") for line in lines)


def test_the_card_is_one(tmp_path):
    [printed] = fenced("yaml")
    path = tmp_path / "r3d-18.yaml"
    path.write_text(printed)
    card = load_card(path)
    assert (card.name, card.window.frames, card.window.sample_rate, card.labels) == (
        "r3d-18",
        16,
        15,
        "kinetics-400.txt",
    )


def commands():
    """Return all commands, those that need PyTorch marked so."""
    for words in shell_commands() + inline_commands():
        yield pytest.param(words, id=shlex.join(words), marks=[pytest.mark.finetune] if "finetune" in words else [])


@pytest.mark.parametrize("words", list(commands()))
def test_commands_and_their_options_exist(words, parse_only, capsys):
    if words[0] == "make":
        check_make(words[1:])
    elif words[:3] == ["ros2", "launch", "har_ros"]:
        check_launch(words[3:])
    elif words[:3] == ["ros2", "run", "har_ros"]:
        check_executable(words[3:], parse_only)
    elif words[:2] == ["ros2", "lifecycle"]:
        assert words[2:4] == ["set", "/actionnet"]
        assert words[4] in TRANSITIONS
    elif words[:2] == ["ros2", "param"]:
        assert words[2] == "set"
        assert words[3:] == [] or (words[3] == "/actionnet" and words[4] in PARAMETERS)
    elif words[0] == "actionnet":
        try:
            parse_only(lambda: actionnet(words[1:]), words)
        except SystemExit:  # a command that a sentence names without its arguments
            assert "arguments are required" in capsys.readouterr().err
    else:
        assert words[0] in NOT_RUN or " ".join(words[:2]) in NOT_RUN


def check_make(words):
    makefile = (REPOSITORY / "Makefile").read_text()
    target, *variables = words
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for variable in variables:
        assert f"$({variable.partition('=')[0]})" in makefile


def check_launch(words):
    """The launch file declares the node's parameters and some arguments of its own by name."""
    name, *arguments = words
    text = (REPOSITORY / "launch" / name).read_text()
    for argument in (word for word in arguments if word != "--show-args"):
        argument_name, separator, _ = argument.partition(":=")
        assert separator
        assert argument_name in PARAMETERS or f'"{argument_name}"' in text


def check_executable(words, parse_only):
    name, *rest = words
    assert f"/${{PROJECT_NAME}} {name} har_ros." in (REPOSITORY / "CMakeLists.txt").read_text()
    if name in ("evaluate", "teach"):
        parse_only({"evaluate": evaluate, "teach": teach}[name], words)
    elif name == "record_action":
        options = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert options <= {f"--{row.name.replace('_', '-')}" for row in RECORD_ACTION}
    else:
        assert name == "video_source"
        assert rest[0] == "--ros-args"
        given = {word.partition(":=")[0] for word in rest[1:] if word != "-p"}
        assert given <= {row.name for row in VIDEO_SOURCE}


def test_a_robot_gets_all_that_the_package_needs():
    """From rosdep, or from pip where rosdep does not have it."""
    keys = set(re.findall(r"depend>(python3-[^<]+)<", (REPOSITORY / "package.xml").read_text()))
    assert keys <= set(ROSDEP.values())
    [pip] = [words for words in shell_commands() if words[:2] == ["pip", "install"]]
    needed = re.findall(r"^([\w-]+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert "openvino" in needed
    assert [name for name in needed if name not in pip and ROSDEP.get(name) not in keys] == []


def test_files_that_the_readme_names_are_there():
    links = re.findall(r"\]\((?!http|#)([^)]+)\)", README.read_text())
    assert links
    assert [link for link in links if not Path(REPOSITORY, link).exists()] == []


def test_its_own_sections_exist():
    """Links within README.md, by GitHub's rule: lower case, no punctuation, hyphens for spaces."""
    text = README.read_text()
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors

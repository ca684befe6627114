"""What README.md and the documentation show can be copied; nodes/test_documents_node.py runs the ROS node there."""

import re
import subprocess
import sys

import cv2
import pytest
import yaml
from documents import PAGES, REPOSITORY, blocks, languages, name_of, prose, robot_pip

from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.models.card_file import load_card, load_pose_card
from har_ros.pipeline.event_settings import load_limits
from har_ros.truth.segments import load_label_map, load_truth

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


def write_cricket(path, shared_data, frames):
    capture = cv2.VideoCapture(str(shared_data / "cricket.gif"))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (224, 224))
    for _ in range(frames):
        writer.write(capture.read()[1])
    writer.release()


def printed_by(part, folder):
    """Run the one program for the library in which this part occurs. Returns the lines that it prints."""
    [program] = [block.text for block in blocks("python") if "rclpy" not in block.text and part in block.text]
    ran = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_the_library_says_who_does_what_as_printed(shared_data, tmp_path, movenet):
    """The window of 16 frames ends with the last one; one man is followed from the fifth on."""
    write_cricket(tmp_path / "input.mp4", shared_data, 16)
    lines = printed_by("for person in result.persons", tmp_path)
    people = [line for line in lines if line.startswith("p")]
    [whole] = [line for line in lines if line not in people]
    assert whole.startswith("0.6 [('playing cricket', 0.")
    assert len({line.split()[0] for line in people}) == 1
    assert len(people) == 12
    for line in people:
        assert re.fullmatch(r"p\w+_1 \((\d+\.\d+, ){3}\d+\.\d+\) 0\.\d+ \[\]", line)


def test_the_library_says_when_as_printed(shared_data, tmp_path):
    """The last of 32 frames begins at 1.24 s, and a window has 16."""
    write_cricket(tmp_path / "input.mp4", shared_data, 32)
    first, *more, last = printed_by("SourceEvents", tmp_path)
    assert first.startswith("STARTED 1 playing cricket 0.0 ")
    assert {line.split()[0] for line in more} == {"GOING_ON"}
    assert last == "ENDED 1 playing cricket 0.0 1.24"


def test_the_library_runs_as_printed(shared_data, tmp_path):
    """On DeepMind's clip of cricket, with the real network: two windows and one more frame."""
    write_cricket(tmp_path / "input.mp4", shared_data, 66)
    lines = printed_by("Recognizer.open", tmp_path)
    assert [line.partition(" ")[0] for line in lines] == ["2.52", "2.56", "2.6"]
    assert all(line.partition(" ")[2].startswith("[('playing cricket', 0.9") for line in lines)


def test_the_pose_card_is_one(tmp_path):
    [printed] = [block.text for block in blocks("yaml") if "kind: pose" in block.text]
    path = tmp_path / "card.yaml"
    path.write_text(printed)
    card = load_pose_card(path)
    assert (card.name, card.decode, card.input.width, card.border, card.network.file) == (
        "yolo11n-pose",
        "yolo-pose",
        640,
        114,
        "yolo11n-pose.onnx",
    )


def test_the_card_is_one(tmp_path):
    [printed] = [block.text for block in blocks("yaml") if "kind: clip" in block.text]
    path = tmp_path / "r3d-18.yaml"
    path.write_text(printed)
    card = load_card(path)
    assert (card.name, card.window.frames, card.window.sample_rate, card.labels) == (
        "r3d-18",
        16,
        15,
        "kinetics-400.txt",
    )


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: name_of(block.page))
def test_yaml_is_what_our_readers_take(block, tmp_path, caplog):
    path = tmp_path / "shown.yaml"
    path.write_text(block.text)
    content = yaml.safe_load(block.text)
    if "/**" in content:
        node_parameters(str(path))
        assert caplog.messages == []  # no parameter is unknown
    elif isinstance(content, list):
        assert len(load_truth(path)) >= len(content)
    else:
        limits = all(isinstance(value, dict) for value in content.values())
        kinds = {"pose": load_pose_card, None: load_limits if limits else load_label_map}
        assert kinds.get(content.get("kind"), load_card)(path)


def test_the_truth_is_one(tmp_path):
    [printed] = [block.text for block in blocks("text") if block.text.startswith("bag,camera")]
    path = tmp_path / "truth.csv"
    path.write_text(printed)
    segments = load_truth(path)
    assert [(one.bag, one.camera, one.start, one.label) for one in segments] == [
        ("kitchen", "/cam01/image_raw", 12.5, "drinking"),
        ("kitchen", "*", 30.0, "falling"),
    ]


def test_every_block_is_of_a_known_language():
    assert languages() == {"bash", "python", "yaml", "text"}
    for page in PAGES:
        assert not re.search(r"\n\n    \S", prose(page)), f"{page} has an indented block, which nothing would check"


def test_a_robot_gets_all_that_the_package_needs():
    """From rosdep, or from pip where rosdep does not have it."""
    keys = set(re.findall(r"depend>(python3-[^<]+)<", (REPOSITORY / "package.xml").read_text()))
    assert keys <= set(ROSDEP.values())
    by_pip = {re.split("[<>=]", name)[0] for name in robot_pip()}
    needed = re.findall(r"^([\w-]+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert "openvino" in needed
    assert [name for name in needed if name not in by_pip and ROSDEP.get(name) not in keys] == []


def test_the_readme_stays_short():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 150

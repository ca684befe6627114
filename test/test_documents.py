"""What README.md and the documentation show can be copied; nodes/test_documents_node.py runs the ROS node there."""

import argparse
import re
import shlex
import subprocess
import sys

import cv2
import pytest
import yaml
from documents import PAGES, REPOSITORY, blocks, inline_commands, languages, prose, robot_pip

from har_ros.commands.evaluate import main as evaluate
from har_ros.commands.main import main as actionnet
from har_ros.commands.shared.command_line import OPTIONAL, SERVING, TRAINING
from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.commands.teach import main as teach
from har_ros.models.card_file import load_card, load_pose_card
from har_ros.pipeline.event_settings import load_limits
from har_ros.settings import ACTIONNET, RECORD_ACTION, VIDEO_SOURCE
from har_ros.truth.segments import load_label_map, load_truth

ROWS = {row.name: row for row in ACTIONNET}
LAUNCH = (REPOSITORY / "launch" / "actionnet.launch.py").read_text()
TRANSITIONS = ("configure", "activate", "deactivate", "cleanup")
RUN_HERE = ("actionnet", "make")
"""Programs that need no robot; so do the examples without ROS, and pip for commands that say what they need."""
OTHERS_OPTIONS = {"--build-arg"}
"""Of programs that are not ours."""

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


def name_of(page):
    return str(page.relative_to(REPOSITORY))


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


EXTRAS = {*OPTIONAL.values(), *TRAINING.values(), *SERVING.values()}


def needs_a_robot(words):
    return not (
        words[0] in RUN_HERE
        or (
            words[:2] == ["pip", "install"]
            and set(words[2:]) <= {*OPTIONAL.values(), *TRAINING.values(), *SERVING.values()}
        )
        or (
            words[0] == "python3"
            and words[1].startswith("examples/")
            and "rclpy" not in (REPOSITORY / words[1]).read_text()
        )
    )


@pytest.mark.parametrize("block", blocks("bash"), ids=lambda block: name_of(block.page))
def test_what_needs_a_robot_is_marked(block):
    """And nothing else is."""
    assert any(map(needs_a_robot, block.commands)) == bool(block.robot)


def commands():
    """Return all commands, and whether they are within a sentence; those that need PyTorch are marked so."""
    shown = [(block.page, words, False) for block in blocks("bash") for words in block.commands]
    for page, words, inline in (*shown, *((page, words, True) for page, words in inline_commands())):
        marks = [pytest.mark.finetune] if "finetune" in words else []
        yield pytest.param(words, inline, id=f"{name_of(page)}: {shlex.join(words)}", marks=marks)


@pytest.mark.parametrize(("words", "inline"), list(commands()))
def test_commands_and_their_options_exist(words, inline, parse_only, capsys):
    """As far as they are ours."""
    if words[0] == "make":
        check_make(words[1:])
    elif words[:2] == ["ros2", "launch"]:
        check_launch(words[2:])
    elif words[:3] == ["ros2", "run", "har_ros"]:
        check_executable(words[3:], parse_only)
    elif words[:2] == ["ros2", "lifecycle"]:
        assert words[2:4] == ["set", "/actionnet"]
        assert words[4] in TRANSITIONS
    elif words[:2] == ["ros2", "param"]:
        assert words[2] == "set"
        if words[3:]:
            assert words[3] == "/actionnet"
            node_parameters(given=[f"{words[4]}:={words[5]}"])
    elif words[0] == "actionnet":
        try:
            parse_only(lambda: actionnet(words[1:]), words)
        except SystemExit as ended:  # a sentence may name a command without its arguments
            assert inline
            assert ended.code == 0 or "arguments are required" in capsys.readouterr().err


def check_make(words):
    makefile = (REPOSITORY / "Makefile").read_text()
    target, *variables = words
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for variable in variables:
        assert f"$({variable.partition('=')[0]})" in makefile


def check_launch(words):
    """The launch file declares the node's parameters and some arguments of its own by name."""
    if words[0] != "har_ros":
        assert (REPOSITORY / words[0]).is_file()
        return
    if words[1] == "serve.launch.py":
        file = (REPOSITORY / "launch" / words[1]).read_text()
        assert all(f'"{word.partition(":=")[0]}"' in file for word in words[2:])
        return
    assert words[1] == "actionnet.launch.py"
    for argument in (word for word in words[2:] if word != "--show-args"):
        check_argument(argument)


def check_argument(text):
    """`threshold:=0.3`: a parameter of the node with a value that it takes, or another argument of the launch file."""
    name, separator, _ = text.partition(":=")
    assert separator
    if name in ROWS:
        node_parameters(given=[text])
    else:
        assert f'"{name}"' in LAUNCH


def check_executable(words, parse_only):
    name, *rest = words
    assert f"/${{PROJECT_NAME}} {name} har_ros." in (REPOSITORY / "CMakeLists.txt").read_text()
    if name in ("evaluate", "teach"):
        parse_only({"evaluate": evaluate, "teach": teach}[name], words)
    elif name == "serve":
        parse_only(lambda: actionnet(words[: [*words, "--ros-args"].index("--ros-args")]), words)
    elif name == "record_action":
        assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= recording_options()
    else:
        table = {"video_source": VIDEO_SOURCE, "actionnet": ACTIONNET}[name]
        assert rest[0] == "--ros-args"
        given = {word.partition(":=")[0] for word in rest[1:] if ":=" in word}
        assert given <= {row.name for row in table}


def recording_options():
    return {f"--{row.name.replace('_', '-')}" for row in RECORD_ACTION}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_sentences_name_exists(page):
    """Parameters with their values, options, and files that are linked."""
    text = prose(page)
    for argument in re.findall(r"`([a-z_]+:=[^`]+)`", text):
        check_argument(argument)
    known = re.findall(r"`(--[\w-]+)", (REPOSITORY / "docs" / "reference" / "commands.md").read_text())
    options = set(re.findall(r"`(--[a-z-]+)", text))
    assert options <= {*known, *recording_options(), *OTHERS_OPTIONS}
    links = re.findall(r"\]\((?!http|#)([^)#]+)[^)]*\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


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

"""Commands that README.md and the documentation show exist, and so does what their sentences name."""

import argparse
import re
import shlex
import sys

import pytest
from documents import PAGES, REPOSITORY, blocks, inline_commands, name_of, prose

from har_ros.commands.evaluate import main as evaluate
from har_ros.commands.main import main as actionnet
from har_ros.commands.shared.command_line import OPTIONAL, SERVING, TRAINING
from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.commands.teach import main as teach
from har_ros.settings import ACTIONNET, RECORD_ACTION, VIDEO_SOURCE

ROWS = {row.name: row for row in ACTIONNET}
LAUNCH = (REPOSITORY / "launch" / "actionnet.launch.py").read_text()
TRANSITIONS = ("configure", "activate", "deactivate", "cleanup")
RUN_HERE = ("actionnet", "make")
"""Programs that need no robot; so do the examples without ROS, and pip for commands that say what they need."""
OTHERS_OPTIONS = {"--build-arg"}
"""Of programs that are not ours."""
EXTRAS = {*OPTIONAL.values(), *TRAINING.values(), *SERVING.values()}


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


def needs_a_robot(words):
    return not (
        words[0] in RUN_HERE
        or (words[:2] == ["pip", "install"] and set(words[2:]) <= EXTRAS)
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
    makefile = (REPOSITORY / "Makefile").read_text().replace("$(INSTALL)", "install")
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

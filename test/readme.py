"""What README.md shows to be copied: fenced blocks by language, and commands."""

import re
import shlex
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
NO_SHELL = ("bag,camera,", "actions/waving/ann", "sensor_msgs/Image")
"""How indented blocks begin that are a file, a folder and a drawing."""


def fenced(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def _prose():
    return re.sub(r"^```.*?^```", "", README.read_text(), flags=re.DOTALL | re.MULTILINE)


def _words(line):
    """Split a line into its commands, without comments and redirections."""
    for command in line.split("&&"):
        yield shlex.split(command.partition(" > ")[0], comments=True)


def shell_commands():
    """Return the words of each command in the indented blocks."""
    blocks = re.findall(r"(?<=\n\n)(?:    .+\n)+", _prose())
    lines = [line for block in blocks if not block.strip().startswith(NO_SHELL) for line in block.splitlines()]
    return [words for line in lines for words in _words(line) if words]


def inline_commands():
    """Return the words of each command within a sentence; … stands for what is left out."""
    found = re.findall(r"(?<!`)`((?:actionnet|ros2|make) [^`]+)`", _prose())
    return [words for text in found for words in _words(text) if words[-1] != "…"]

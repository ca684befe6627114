"""What README.md and the documentation show to be copied: blocks of code, and commands within sentences.

A block of commands that needs a robot, or changes the machine, has `<!-- robot: why -->` in the line above it.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
GENERATED = ("parameters.md", "commands.md")
"""Pages that dev/generate.py writes, which has a test of its own."""
PAGES = (
    README,
    *(REPOSITORY / name for name in ("CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
    *(page for page in sorted((REPOSITORY / "docs").rglob("*.md")) if not {*GENERATED, "included"} & {*page.parts}),
)
_FENCED = re.compile(r"^(?:<!-- robot: ([^>]+) -->\n)?```([^\s`]+)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """robot: why it cannot be run here, empty: it can."""

    page: Path
    language: str
    text: str
    robot: str

    @property
    def commands(self):
        """The words of each command, without comments and redirections."""
        return [words for line in self.text.splitlines() for words in split(line) if words]


def blocks(language, pages=PAGES):
    found = [Block(page, match[2], match[3], match[1] or "") for page in pages for match in _fenced(page)]
    return [block for block in found if block.language == language]


def _fenced(page):
    return _FENCED.finditer(page.read_text())


def languages():
    return {match[2] for page in PAGES for match in _fenced(page) if not match[2].startswith("{")}


def prose(page):
    """Return the text without its blocks; what is in MyST's directives, such as ```{note}, is prose."""
    return _FENCED.sub(lambda match: match[3] if match[2].startswith("{") else "", page.read_text())


def split(line):
    """Split a line into its commands."""
    for command in line.split("&&"):
        yield shlex.split(command.partition(" > ")[0], comments=True)


def inline_commands():
    """Return page and words of each command within a sentence; … stands for what is left out."""
    for page in PAGES:
        for text in re.findall(r"(?<!`)`((?:actionnet|ros2|make) [^`]+)`", prose(page)):
            yield from ((page, words) for words in split(text) if words[-1] != "…")


def robot_pip():
    """Return what a robot gets from pip, as README.md has it."""
    [words] = [
        words for block in blocks("bash", [README]) for words in block.commands if words[:2] == ["pip", "install"]
    ]
    return words[2:]


def name_of(page):
    return str(page.relative_to(REPOSITORY))

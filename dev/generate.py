"""Writes the files that are generated from the table of parameters and the commands' options.

config/actionnet.yaml, docs/reference/parameters.md and docs/reference/commands.md.

python dev/generate.py [--check]: with --check it exits with status 1 when a file is out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import yaml
from sphinx.ext.autodoc.mock import mock

from har_ros.commands.main import main as actionnet
from har_ros.commands.shared.command_line import subcommands
from har_ros.parameter import Parameter
from har_ros.settings import ACTIONNET, RECORD_ACTION, VIDEO_SOURCE

ROOT = Path(__file__).parents[1]
FILE_HEAD = """\
# Every parameter of the actionnet node, with its default. Those marked * can change at run time.
# Use a copy:  ros2 launch har_ros actionnet.launch.py params_file:=/path/to/my.yaml
/**:
  ros__parameters:
"""
PAGE_HEAD = """\
# Parameters

Generated from the table in `har_ros/settings.py` by `make generate`. Set parameters with `ros2 launch`
(`threshold:=0.3`), with `ros2 run … --ros-args -p threshold:=0.3`, in a parameter file, or with `ros2 param set` if
they can change at run time. The options of `actionnet INPUT` have the same names: `--top-k` is `top_k`.
"""
COMMANDS_HEAD = """\
# Commands

Generated from the commands' own options by `make generate`. `actionnet COMMAND --help` prints the same.

## Executables of the ROS package

| `ros2 run har_ros …` | what |
|---|---|
| `actionnet` | the node; its parameters are in [Parameters](parameters.md#actionnet) |
| `video_source` | plays videos as cameras; its parameters are in [Parameters](parameters.md#video_source) |
| `record_action` | records clips for teaching; its [parameters](parameters.md#record_action) are also options |
| `serve` | [actionnet serve](#actionnet-serve) with [the robot's cameras](../how-to/serve.md#the-robots-cameras) |
| `evaluate` | [actionnet evaluate](#actionnet-evaluate) |
| `teach` | [actionnet teach](#actionnet-teach) |

The command `actionnet` below needs no ROS.
"""


def parameter_file() -> str:
    """Return config/actionnet.yaml."""
    blocks = []
    for row in ACTIONNET:
        choices = f" One of {', '.join(row.choices)}." if row.choices else ""
        mark = " *" if row.at_run_time else ""
        value = yaml.safe_dump(row.default, default_flow_style=True, width=1000).removesuffix("...\n").strip()
        blocks.append(f"    # {row.description}{choices}{mark}\n    {row.name}: {value.replace(chr(39), chr(34))}\n")
    return FILE_HEAD + "\n".join(blocks)


def page() -> str:
    """Return docs/reference/parameters.md."""
    tables = {"actionnet": ACTIONNET, "video_source": VIDEO_SOURCE, "record_action": RECORD_ACTION}
    return PAGE_HEAD + "".join(f"\n## {name}\n\n{_table(rows, name)}" for name, rows in tables.items())


def _table(rows: Sequence[Parameter], name: str) -> str:
    changes = name == "actionnet"  # the others' are read at the start
    lines = ["| parameter | default | description | value |" + (" when |" if changes else "")]
    lines.append("|---|---|---|---|" + ("---|" if changes else ""))
    for row in rows:
        cells = [f"`{row.name}`", f"`{row.default_text}`" if row.default_text else "", row.description, row.expected]
        cells += ["at run time" if row.at_run_time else "when configured"] if changes else []
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return docs/reference/commands.md."""
    with mock(["torch", "lightning"]):  # which finetune needs only at run time
        parsers = [_parser([*words, "--help"]) for words in ([], *([name] for name in subcommands()))]
    return COMMANDS_HEAD + "".join(_sections(parser, parser.description or "") for parser in parsers)


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """Return the parser that would print its help for this command line."""
    with patch.object(argparse.ArgumentParser, "print_help", autospec=True) as print_help, suppress(SystemExit):
        actionnet(words)
    parser: argparse.ArgumentParser = print_help.call_args.args[0]
    return parser


def _sections(parser: argparse.ArgumentParser, description: str) -> str:
    """Return the sections of a command, or of each of its subcommands."""
    lines = [f"\n## {parser.prog}\n", f"{description}\n", "| argument | what |", "|---|---|"]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            said = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return "".join(_sections(child, f"{said[name].capitalize()}.") for name, child in action.choices.items())
        if not isinstance(action, argparse._HelpAction):
            text = ((action.help or "").replace("(default: %(default)s)", "") % vars(action)).strip()
            lines.append(f"| {_argument(action)} | {_cell(text)} |")
    return "\n".join(lines if len(lines) > 4 else lines[:2]) + "\n"


def _argument(action: argparse.Action) -> str:
    value = str(action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else action.dest.upper()))
    if not action.option_strings:
        return f"`{_cell(value)}{' …' if action.nargs == '+' else ''}`"
    shown = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"`{_cell(option + shown)}`" for option in action.option_strings)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write the files, or check them. Returns the exit status."""
    status = 0
    files = {
        "config/actionnet.yaml": parameter_file(),
        "docs/reference/parameters.md": page(),
        "docs/reference/commands.md": commands_page(),
    }
    for name, text in files.items():
        path = ROOT / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv:
            print(f"{name} is out of date; run: make generate")
            status = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())

"""The `actionnet` command: actions in video files, folders of pictures, cameras and streams, without ROS."""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import importlib.util
import logging
import os
import sys
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

from rich.console import Console

from har_ros.commands.shared.options import OPTIONS, add_parameters, between
from har_ros.commands.shared.parser import Parser
from har_ros.commands.shared.program import until_a_signal
from har_ros.errors import ConfigurationError, HarError, one_line
from har_ros.files.console import say

OPTIONAL = {**{name: name for name in ("rosbags", "matplotlib", "scipy", "jinja2")}, "sklearn": "scikit-learn"}
TRAINING = {name: name for name in ("torch", "lightning", "tensorboard")}
SERVING = {**{name: name for name in ("fastapi", "uvicorn", "httpcore")}, "multipart": "python-multipart"}
"""Modules that some subcommands need more than the others → how pip calls them."""


def subcommands() -> dict[str, Path]:
    """Return the subcommands, which are the modules beside this folder, and their files."""
    paths = sorted(Path(__file__).parents[1].glob("*.py"))
    return {path.stem: path for path in paths if path.stem not in ("__init__", "main") and path.is_file()}


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status, see commands.main."""
    given = sys.argv[1:] if arguments is None else arguments
    messages = Console(stderr=True)
    logger = logging.getLogger("har_ros")
    logger.setLevel(logging.INFO)
    logger.addHandler(_ToConsole(messages))
    try:
        if given and given[0] in subcommands():
            command = _imported(given[0], f"actionnet {given[0]}")
            return until_a_signal(lambda: command.run(given[1:]))
        _refuse_misspelt(given)
        options = _parser().parse_intermixed_args(given)
        recognize = _imported("shared.recognize", "actionnet")
        return until_a_signal(lambda: recognize.run(options, messages))
    except HarError as error:
        say(messages, f"actionnet: {error}")
        return 1
    except BrokenPipeError:  # the reader of our output has gone; Python must not try to flush it at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _refuse_misspelt(given: list[str]) -> None:
    """Raise ConfigurationError when the first word is almost a subcommand, whose options the parser does not know."""
    similar = difflib.get_close_matches(given[0], subcommands(), 1) if given and given[0].isalpha() else []
    if similar and not Path(given[0]).exists():
        raise ConfigurationError(f"{given[0]!r} is no command and no file; did you mean actionnet {similar[0]}?")


def _imported(name: str, command: str) -> ModuleType:
    """Import a module of commands, which takes a moment. Raises HarError when what it needs is not installed."""
    try:
        return importlib.import_module(f"har_ros.commands.{name}")
    except ImportError as error:
        special = next((group for group in (TRAINING, SERVING) if error.name in group), {})
        needed = special if special is SERVING else {**OPTIONAL, **special}
        missing = [package for module, package in needed.items() if importlib.util.find_spec(module) is None]
        *_, (last, _) = walk_tb(error.__traceback__)
        importer = str(last.f_globals["__name__"]).partition(".")[0]
        if importer == "har_ros" or missing:
            raise HarError(
                f"{command} needs {error.name}; run: pip install {' '.join(missing or [error.name or 'it'])}"
            ) from None
        raise HarError(
            f"{command} needs {importer}, which cannot be imported ({one_line(error)}); "
            f"run: pip install --force-reinstall {importer}"
        ) from None


def _summary(path: Path) -> str:
    """Return a subcommand's name and the first sentence of its module, which is not imported: it may need much."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return f"  {path.stem:11}{docstring.splitlines()[0].rstrip('.')}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="actionnet",
        description=__doc__,
        epilog="\n".join(["subcommands (actionnet NAME --help):", *map(_summary, subcommands().values())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", help="a video file, a folder of pictures, /dev/video0, or a stream such as rtsp://…")
    parser.add_argument("output", nargs="?", help="a video file for the annotated frames (default: the screen)")
    add_parameters(parser, OPTIONS)
    parser.add_argument(
        "--events", default="", metavar="FILE", help="write when each action began and ended: .csv, .json, .srt or .vtt"
    )
    parser.add_argument(
        "--give-up",
        type=between(0, 86_400),
        metavar="SECONDS",
        help="end when a camera or a stream gave no image for so long, and was opened again in vain; 0: with the first "
        "image that cannot be read (never)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a line of JSON for each window, and with --events also when an event starts and ends",
    )
    return parser


class _ToConsole(logging.Handler):
    """Shows what the core logs."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        say(self._console, record.getMessage())

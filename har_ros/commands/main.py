"""The `actionnet` command: actions in video files, folders of pictures, cameras and streams, without ROS."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Callable

from rich.console import Console

from har_ros.commands import models
from har_ros.commands.recognize import add_options, run, say
from har_ros.errors import HarError

COMMANDS = {
    "models": "the networks: which there are, downloading them, checking a card",
    "evaluate": "how well a network does on bags and videos",
    "compare": "whether an evaluation is better than an earlier one",
    "truth": "check a file of truth",
    "record": "make a bag of videos",
    "teach": "teach a network classes of your own, from a few clips of each",
    "finetune": "train more of its layers, with PyTorch",
    "clips": "cut clips out of long recordings",
    "dataset": "look at a folder of clips before teaching",
}
EPILOG = "\n".join(
    ["other commands (actionnet COMMAND --help):", *(f"  {name:11}{text}" for name, text in COMMANDS.items())]
)
EXTRAS = {
    **dict.fromkeys(("evaluate", "compare", "truth", "record"), "rosbags matplotlib scipy jinja2"),
    **dict.fromkeys(("teach", "clips", "dataset"), "rosbags matplotlib scipy jinja2 scikit-learn"),
    "finetune": "rosbags matplotlib scipy jinja2 scikit-learn torch lightning tensorboard",
}
"""Command → what it needs more than the others."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0, 1 when something failed, 2 when the command line is wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    messages = Console(stderr=True)
    logger = logging.getLogger("har_ros")
    logger.setLevel(logging.INFO)
    logger.addHandler(_ToConsole(messages))
    try:
        if given[:1] == ["models"]:
            return models.run(given[1:])
        if given[:1] and given[0] in EXTRAS:
            return _extra(given[0])(given[1:])
        return run(_parser().parse_intermixed_args(given), messages)
    except HarError as error:
        say(messages, f"actionnet: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone; Python must not try to flush it at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _extra(name: str) -> Callable[[list[str]], int]:
    """Return one of the commands EXTRAS. Raises HarError when what it needs is not installed."""
    try:
        command: Callable[[list[str]], int] = importlib.import_module(f"har_ros.commands.{name}").run
    except ImportError as error:
        raise HarError(f"actionnet {name} needs {error.name}; run: pip install {EXTRAS[name]}") from None
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="actionnet",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    return parser


class _ToConsole(logging.Handler):
    """Shows what the core logs."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        say(self._console, record.getMessage())

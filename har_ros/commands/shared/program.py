"""A command as an executable of the package."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from rich.console import Console

from har_ros.errors import HarError
from har_ros.files.console import say


def as_program(name: str, run: Callable[[list[str]], int]) -> int:
    """Run a command as an executable of the package, also with --ros-args. Returns the exit status."""
    try:
        return run([argument for argument in sys.argv[1:] if argument != "--ros-args"])
    except HarError as error:
        say(Console(stderr=True), f"{name}: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def sigterm_interrupts() -> None:
    """Let SIGTERM do what Ctrl-C does, from now on."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)

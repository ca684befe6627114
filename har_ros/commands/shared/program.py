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
        return until_a_signal(lambda: run([argument for argument in sys.argv[1:] if argument != "--ros-args"]))
    except HarError as error:
        say(Console(stderr=True), f"{name}: {error}")
        return 1


def until_a_signal(run: Callable[[], int]) -> int:
    """Run what SIGINT and SIGTERM interrupt with KeyboardInterrupt. Returns its exit status, or 128 + the signal.

    A library may turn the interrupt into an error of its own: what comes after a signal is not reported.
    """
    came: list[int] = []

    def interrupt(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    heeded = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        return run()
    except BaseException as error:
        if not came and not isinstance(error, KeyboardInterrupt):
            raise
        return 128 + (came or [signal.SIGINT])[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

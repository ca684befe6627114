"""A command as an executable of the package."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from threading import Timer, get_ident

from rich.console import Console

from har_ros.errors import HarError, of_file
from har_ros.files.console import say

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The last one comes when the terminal is closed, or the connection to it is lost."""
SOON = 0.05
"""Seconds after which an interrupt comes again that was ignored."""


def as_program(name: str, run: Callable[[list[str]], int]) -> int:
    """Run a command as an executable of the package, also with --ros-args. Returns the exit status."""
    try:
        return until_a_signal(lambda: run([argument for argument in sys.argv[1:] if argument != "--ros-args"]))
    except HarError as error:
        say(Console(stderr=True), f"{name}: {error}")
        return 1


def until_a_signal(run: Callable[[], int]) -> int:
    """Run what SIGNALS interrupt with KeyboardInterrupt. Returns its exit status, or 128 + the signal.

    Raises HarError for what the operating system refuses of a file. A library may turn the interrupt into an error of
    its own: what comes after a signal is not reported. Where Python has to ignore it, as in what frees an object, it
    comes again.
    """
    came: list[int] = []
    again: list[Timer] = []
    main, report = get_ident(), sys.unraisablehook

    def interrupt(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    def ignored(error: sys.UnraisableHookArgs) -> None:
        if not came or not issubclass(error.exc_type, KeyboardInterrupt):
            report(error)
            return
        again[:] = [Timer(SOON, signal.pthread_kill, (main, came[-1]))]
        again[0].start()

    heeded = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    sys.unraisablehook = ignored
    try:
        return run()
    except BaseException as error:
        if not came and not isinstance(error, KeyboardInterrupt):
            raise of_file(error) from error.__cause__
        return 128 + (came or [signal.SIGINT])[0]
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = report
        for number, handler in before.items():
            signal.signal(number, handler)

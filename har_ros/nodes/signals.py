"""Handlers of SIGINT and SIGTERM for a program with a node; rclpy's own handlers, beside these, end its spinning."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_interruptible = False
_came = False


def handle() -> None:
    """Let the signals interrupt what is `interruptible`, and nothing else. Call it before rclpy.init."""
    global _came
    _came = False
    for number in _SIGNALS:
        signal.signal(number, _on_signal)


def came() -> bool:
    """Return whether a signal has come since `handle`: before rclpy's context knows it."""
    return _came


def ignore() -> None:
    """Let the signals do nothing: Python's end would make their handlers the default, which kills."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal raise KeyboardInterrupt in the block, which may take minutes.

    Elsewhere the end of the spinning is enough, and KeyboardInterrupt could be raised anywhere, also while stopping.
    """
    global _interruptible
    before, _interruptible = _interruptible, True
    try:
        yield
    finally:
        _interruptible = before


def _on_signal(*_: object) -> None:
    global _interruptible, _came
    _came = True
    if _interruptible:
        _interruptible = False
        raise KeyboardInterrupt

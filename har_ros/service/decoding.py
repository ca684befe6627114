"""Processes that look at what clients sent: what crashes or hangs them costs one video, and not the server."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from har_ros.errors import one_line

AT_ONCE = 2
"""Processes at the same time, each of another client."""
AT_MOST, MOST_OF_ONE = 12, 8
"""That run or wait, and those of one client: each holds one of the threads that answer requests."""
ENDED = 0, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL
"""What a process without an answer returns that others ended: the server at its end, a user, or want of memory."""
MOST_SAID = 2000
"""Characters in the log of what such a process said."""

logger = logging.getLogger(__name__)


class UnansweredError(Exception):
    """Nobody looked at a video, for want of time or memory, or as the server ends: it may be a good one."""


class Decoding:
    """Close it: what runs ends."""

    def __init__(self, memory: int) -> None:
        """memory: bytes that a process may have."""
        self._memory = memory
        self._changed = Condition()
        self._running: list[str] = []
        self._waiting: list[str] = []  # whose turn is next, first
        self._closed = False
        self._ends, self._held = os.pipe()  # what runs ends when the other end is closed
        weakref.finalize(self, os.close, self._ends)  # not before: a process may begin while we are closed

    def close(self) -> None:
        """End what runs, and let nothing begin; more than once does no harm."""
        with self._changed:
            if not self._closed:
                self._closed = True
                os.close(self._held)
            self._changed.notify_all()

    def look(self, module: str, *arguments: str, owner: str, longest: float, patience: float) -> str:
        """Return what is wrong with a video, empty when nothing is. Raises UnansweredError, TimeoutError.

        module: looks at it as a program, and prints a line of JSON: error. owner: whose it is; the owners take turns.
        longest: seconds of the video. patience: seconds that it may wait for others, and then take.
        """
        with self._turn(owner, patience):
            return self._answer([module, *arguments, "--longest", str(longest)], patience)

    @contextmanager
    def _turn(self, owner: str, patience: float) -> Iterator[None]:
        """Wait for an owner's turn, which lasts as long as the block. Raises UnansweredError."""
        with self._changed:
            there = self._running + self._waiting
            if len(there) >= AT_MOST or there.count(owner) >= MOST_OF_ONE:
                raise UnansweredError
            self._waiting.append(owner)
            its_turn = self._changed.wait_for(lambda: self._closed or self._is_next(owner), patience)
            self._waiting.remove(owner)
            if self._closed or not its_turn:
                raise UnansweredError
            self._waiting.sort(key=lambda other: other == owner)  # all others come first
            self._running.append(owner)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(owner)
                self._changed.notify_all()

    def _is_next(self, owner: str) -> bool:
        """Return whether there is a place, and an owner's turn: whoever has one already waits."""
        waiting = (other for other in self._waiting if other not in self._running)
        return len(self._running) < AT_ONCE and owner == next(waiting, None)

    def _answer(self, command: list[str], patience: float) -> str:
        """Return what a process says. Raises UnansweredError, TimeoutError."""
        command = [sys.executable, "-m", *command, "--memory", str(self._memory)]
        try:
            done = subprocess.run(command, stdin=self._ends, capture_output=True, timeout=patience)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        try:
            return str(json.loads(done.stdout)["error"])
        except (ValueError, KeyError):
            said = one_line(done.stderr.decode(errors="replace")[-MOST_SAID:])
            logger.warning("%s ended with status %d: %s", command[2], done.returncode, said)
        if done.returncode in ENDED:
            raise UnansweredError
        return f"the process that decodes it ended with status {done.returncode}; it may be damaged"

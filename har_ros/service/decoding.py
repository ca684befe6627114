"""Processes that look at what clients sent: what crashes or hangs them costs one video, and not the server."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import weakref
from threading import BoundedSemaphore

AT_ONCE = 2
"""Processes at the same time."""
AT_MOST = 16
"""That run or wait: each holds one of the threads that answer requests."""
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
        self._running, self._waiting = BoundedSemaphore(AT_ONCE), BoundedSemaphore(AT_MOST)
        self._ends, self._held = os.pipe()  # what runs ends when the other end is closed
        weakref.finalize(self, os.close, self._ends)  # not before: a process may begin while we are closed

    def close(self) -> None:
        """End what runs."""
        os.close(self._held)

    def look(self, module: str, *arguments: str, longest: float, patience: float) -> str:
        """Return what is wrong with a video, empty when nothing is. Raises UnansweredError, TimeoutError.

        module: looks at it as a program, and prints a line of JSON: error. longest: seconds of the video.
        patience: seconds that it may wait for others, and then take.
        """
        if not self._waiting.acquire(blocking=False):
            raise UnansweredError
        try:
            if not self._running.acquire(timeout=patience):
                raise UnansweredError
            try:
                return self._answer([module, *arguments, "--longest", str(longest)], patience)
            finally:
                self._running.release()
        finally:
            self._waiting.release()

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
            said = done.stderr.decode(errors="replace")[-MOST_SAID:]
            logger.warning("%s ended with status %d: %s", command[2], done.returncode, said)
        if done.returncode in ENDED:
            raise UnansweredError
        return f"the process that decodes it ended with status {done.returncode}; it may be damaged"

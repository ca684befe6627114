"""Processes that look at what clients sent: what crashes or hangs them costs one video, and not the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from threading import BoundedSemaphore

AT_ONCE = 2
"""Processes at the same time."""
AT_MOST = 16
"""That run or wait: each holds one of the threads that answer requests."""


class BusyError(Exception):
    """Too many wait already."""


class Decoding:
    """Close it: what runs ends."""

    def __init__(self, longest: float, memory: int, patience: float) -> None:
        """longest: seconds of a video. memory: bytes of a process. patience: seconds that it may take."""
        self.patience = patience
        self._limits = ["--longest", str(longest), "--memory", str(memory)]
        self._running, self._waiting = BoundedSemaphore(AT_ONCE), BoundedSemaphore(AT_MOST)
        self._ends, self._held = os.pipe()  # what runs ends when the other end is closed

    def close(self) -> None:
        """End what runs."""
        os.close(self._held)

    def look(self, module: str, *arguments: str) -> str:
        """Return what is wrong with a video, empty when nothing is. Raises BusyError, TimeoutError.

        module: looks at it as a program, and prints a line of JSON: error.
        """
        if not self._waiting.acquire(blocking=False):
            raise BusyError
        command = [sys.executable, "-m", module, *arguments, *self._limits]
        try:
            with self._running:
                done = subprocess.run(command, stdin=self._ends, capture_output=True, timeout=self.patience)
            return str(json.loads(done.stdout)["error"])
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        except (ValueError, KeyError):
            return f"the process that decodes it ended with status {done.returncode}; it may be damaged"
        finally:
            self._waiting.release()

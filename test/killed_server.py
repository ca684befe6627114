"""A server of networks that ends as in a crash."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from waiting import WAIT


def kill(server):
    """Kill the process, and those of its Python backend, which may wait for it forever."""
    lists = list(Path("/proc", str(server.process.pid), "task").glob("*/children"))
    children = [int(pid) for file in lists for pid in file.read_text().split()]
    server.process.kill()
    server.process.wait(WAIT)
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

"""What the processes of the service have in common."""

from __future__ import annotations

import logging
import os
import resource
import select
import sys
from contextlib import suppress
from threading import Thread

MOST_FILES = 1 << 16
"""That a server opens, also where more are allowed."""


def prepare(name: str, memory: int) -> None:
    """Set up this process's log and limit. name: in the log's lines. memory: bytes that it may have, at most."""
    logging.basicConfig(level=logging.INFO, format=f"{name} %(process)d: %(message)s")
    limit_memory(memory)


def limit_memory(memory: int) -> None:
    """Let this process have so many bytes, at most."""
    with suppress(ValueError, OSError):  # where less is allowed already
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def allow_files() -> int:
    """Let this process open as many files and connections as it may. Returns how many."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(allowed, min(most, MOST_FILES) if most != resource.RLIM_INFINITY else MOST_FILES)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def end_with_the_server() -> None:
    """End this process when its standard input ends: the server holds the other end, however the server ends."""
    if select.select([sys.stdin.fileno()], [], [], 0)[0]:  # it ended meanwhile: nothing may be begun
        os._exit(0)

    def wait() -> None:
        os.read(sys.stdin.fileno(), 1)  # sys.stdin would be locked, which hangs what is forked
        os._exit(0)

    Thread(target=wait, daemon=True).start()


def take_output() -> int:
    """Return a descriptor of standard output, for answers only: what libraries print goes to standard error now."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def unexpected(error: Exception) -> str:
    """Return what clients read of an error that no input should cause; the log has more."""
    return f"unexpected error ({type(error).__name__}); the server's log has more"

"""ROS domains of which each program has its own: tests, benchmarks and the demo hear no cameras but theirs."""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from har_ros.errors import HarError

DOMAINS = range(1, 102)  # above them, ports meet those that Linux gives to clients
NEXT_DOMAIN = itertools.cycle(random.Random().sample(DOMAINS, len(DOMAINS)))
"""The one that was used longest ago: a node may stay there until Python collects it."""
LOCKS = Path(tempfile.gettempdir(), f"har_ros-domains-{os.getuid()}")
_KEPT = ExitStack()


@contextmanager
def reserved_domain() -> Iterator[int]:
    """Give a ROS domain that nobody else on this machine has reserved. Raises HarError when there is none."""
    LOCKS.mkdir(exist_ok=True)
    for number in itertools.islice(NEXT_DOMAIN, len(DOMAINS)):
        with (LOCKS / str(number)).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
    raise HarError(f"all ROS domains are taken; see who holds the files in {LOCKS}")


def keep_domain() -> None:
    """Let this program, and what it starts, have a domain of its own until it ends, unless ROS_DOMAIN_ID names one."""
    if "ROS_DOMAIN_ID" not in os.environ:
        os.environ["ROS_DOMAIN_ID"] = str(_KEPT.enter_context(reserved_domain()))

"""What the processes of the service have in common."""

from __future__ import annotations

import os
import sys
from threading import Thread


def end_with_the_server() -> None:
    """End this process when its standard input ends: the server holds the other end, however the server ends."""

    def wait() -> None:
        os.read(sys.stdin.fileno(), 1)  # sys.stdin would be locked, which hangs what OpenVINO's telemetry forks
        os._exit(0)

    Thread(target=wait, daemon=True).start()

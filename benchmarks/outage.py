"""`python benchmarks/outage.py [SECONDS]`: a Triton server that is killed, and comes back after so many seconds (10).

Windows of 64 frames are asked for RATE times a second all the time, of a network of negligible cost. Printed are the
time from the server's readiness to the first answer, the windows that had none, and how much memory grew since the
kill. The exit status is 1 when the first answer takes more than a second.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import numpy as np
from triton_server import cheap_network

from har_ros.backends.backend import Backend, BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton.address import Address
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.repository import ExportSettings, export
from har_ros.backends.triton.wheel import STARTING, running
from har_ros.errors import BackendMissingError, ModelError
from har_ros.graphs.prepare import PreparedNetwork
from measure import memory

RATE, FRAMES, SIDE = 20, 64, 224
MOST = 1.0
"""Seconds from the server's readiness to the first answer."""


class Asking:
    """Asks for windows until it is ended. answered: when each answer was there. unanswered: how many had none."""

    def __init__(self, backend: Backend, network: PreparedNetwork) -> None:
        self.answered: list[float] = []
        self.unanswered = 0
        self._ended = Event()
        self._window = np.zeros(network.shape, np.uint8)
        self._backend = backend
        self._thread = Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        while not self._ended.wait(1 / RATE):
            try:
                self._backend.infer([self._window])
                self.answered.append(time.monotonic())
            except ModelError:
                self.unanswered += 1

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._thread.join()


def until_ready(address: Address) -> float:
    """Return when a server is ready; each look is a connection of its own, as one that failed waits before the next.

    Raises TimeoutError.
    """
    end = time.monotonic() + STARTING
    while time.monotonic() < end:
        client = Client(address, MOST)
        with closing(client), suppress(BackendMissingError):
            client.check_ready()
            return time.monotonic()
        time.sleep(0.01)
    raise TimeoutError("the server did not start again")


def main() -> int:
    """Measure. Returns the exit status."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with TemporaryDirectory() as place:
        network = cheap_network(Path(place), (FRAMES, SIDE, SIDE, 3))
        repository = Path(place, "repository")
        export(network, repository, ExportSettings("python"))
        with running(repository) as server:
            port = int(server.address.place.rpartition(":")[2])
            backend = load_backend(network, BackendSettings("triton", server=str(server.address), deadline=1.0))
            asking = Asking(backend, network)
            time.sleep(5)
            before = memory([os.getpid()])
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        killed = time.monotonic()
        time.sleep(seconds)
        during = memory([os.getpid()])
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(until_ready, server.address)
            with running(repository, port):
                ready = looking.result()
                time.sleep(5)
                asking.end()
        after = memory([os.getpid()])
        backend.close()
    first = min((moment for moment in asking.answered if moment > killed + seconds), default=math.inf) - ready
    print(f"first answer {first:.2f} s after the server was ready (at most {MOST:g})")
    print(f"{asking.unanswered} windows had no answer, {len(asking.answered)} had one")
    print(f"memory grew by {during - before:.1f} MB while it was gone, by {after - before:.1f} MB to the end")
    return 0 if first <= MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())

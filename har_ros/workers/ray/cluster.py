"""A Ray cluster as workers: one that runs already, or one of so many workers on this machine."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import ray
from ray import cloudpickle, exceptions

from har_ros.errors import HarError, one_line
from har_ros.workers.ray import piece as pieces_of
from har_ros.workers.ray.board import Board
from har_ros.workers.ray.piece import Done, Order
from har_ros.workers.sent import checksum
from har_ros.workers.there import versions
from har_ros.workers.workers import P, PieceDiedError, R, Report, Take, Wait, Work, WorkersLostError

GRACE = 5.0
"""Seconds that pieces have to end, and to remove what they have fetched."""
AHEAD = 2
"""Pieces for each processor of the cluster that are under way or wait for one, at most."""
PERIOD = 0.3
"""Seconds between two looks at what workers report."""
CONNECT = 5.0
"""Seconds that a cluster's address has to answer."""
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The first frame of HTTP/2 on either side, without any settings (RFC 9113, 6.5); its type is the fourth byte."""
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS
"""What a client of HTTP/2 begins with (RFC 9113, 3.4)."""
STORE = 256 << 20
"""Bytes of shared memory for what goes to and from a local cluster's workers; more is on the disk."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_task_oom_retries": str(Work.retries),  # of workers that Ray kills for want of memory: without end if not set
}
"""What Ray takes from the environment, unless its user has set it."""


class Cluster:
    """The workers of a Ray cluster; each has one processor."""

    in_this_process = False
    divide = True

    def __init__(self, address: str) -> None:
        """address: a number of workers on this machine, auto, or HOST:PORT."""
        self._address = address
        self._folder: Path | None = None
        self._connected = False

    def __enter__(self) -> Cluster:
        return self

    def connect(self) -> None:
        """Connect, or start the local cluster, if that has not been done. Raises WorkersLostError."""
        if self._connected:
            return
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self._address.isdigit():
            self._folder = Path(mkdtemp(prefix="har-ray-", dir="/tmp"))  # the names of sockets must be short
            local = {"num_cpus": int(self._address), "num_gpus": 0, "object_store_memory": STORE}
            options |= {**local, "include_dashboard": False, "address": "local", "_temp_dir": str(self._folder)}
        else:
            options["address"] = self._address
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            if ":" in self._address:
                _check_port(self._address)
            with _own_signals():
                ray.init(**options)
            self._connected = True
        except Exception as error:  # ConnectionError, RuntimeError and others
            self.__exit__()
            raise WorkersLostError(f"{_unreachable(self._address)} ({one_line(error)[:200]})") from None
        except BaseException:  # Ctrl-C
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        ray.shutdown()
        self._connected = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def run(
        self, work: Work[P, R], pieces: Sequence[P], take: Take[R], report: Report, wait: Wait = lambda: None
    ) -> None:
        """See Workers. A piece whose worker dies is done again, `work.retries` times at most."""
        if not pieces:
            return
        self.connect()
        try:
            self._run(work, pieces, take, report, wait)
        except exceptions.RayTaskError:  # a fault of har_ros
            raise
        except exceptions.RayError as error:
            raise WorkersLostError(
                f"the Ray cluster has failed ({type(error).__name__}: {one_line(error)[:200]}); see that its nodes run"
            ) from None

    def _run(self, work: Work[P, R], pieces: Sequence[P], take: Take[R], report: Report, wait: Wait) -> None:
        files = {name: _sent(content) for name, content in work.files().items()}
        board = ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()
        sums = checksum({name: sha256 for name, (sha256, _) in files.items()})
        key = f"{hashlib.sha256(cloudpickle.dumps(work)).hexdigest()} {sums}"
        order = Order(key, ray.put(work), files, board, versions())
        do = ray.remote(pieces_of.do).options(num_cpus=1, max_retries=work.retries, retry_exceptions=False)
        shared, waiting = ray.put(order), iter(enumerate(pieces))
        under_way: dict[Any, int] = {}
        listener = _Listener(board, report)
        try:
            while True:
                for number, piece in islice(waiting, max(0, AHEAD * _processors() - len(under_way))):
                    under_way[do.remote(shared, number, piece)] = number
                if not under_way:
                    return listener.end()
                done, _ = ray.wait(list(under_way), num_returns=1, timeout=PERIOD)
                for reference in done:
                    number = under_way.pop(reference)
                    take(number, _result(reference, work.called(pieces[number]), work.retries + 1))
                listener.pass_on()
                wait()
        finally:
            for reference in under_way:
                with suppress(Exception):  # the cluster may be gone
                    ray.cancel(reference)
            with suppress(Exception):
                _kill_those_that_go_on([*under_way])
            with suppress(Exception):
                ray.kill(board)


def _kill_those_that_go_on(under_way: list[Any]) -> None:
    """Wait for pieces that were interrupted, and kill the workers of those that do not end."""
    if under_way:
        for reference in ray.wait(under_way, num_returns=len(under_way), timeout=GRACE)[1]:
            ray.cancel(reference, force=True)


class _Listener:
    """Passes on what workers report, now and then."""

    def __init__(self, board: Any, report: Report) -> None:
        self._board = board
        self._report = report
        self._asked: Any = None
        self._next = 0.0

    def pass_on(self) -> None:
        """Pass on what has come; ask for more, and do not wait for it."""
        if self._asked is None and time.monotonic() >= self._next:
            self._asked = self._board.take.remote()
            self._next = time.monotonic() + PERIOD
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            self._hear()

    def end(self) -> None:
        """Pass on what there is last."""
        self._asked = self._asked or self._board.take.remote()
        self._hear()

    def _hear(self) -> None:
        answer, self._asked = self._asked, None
        with suppress(exceptions.RayError):  # it is started again
            for one in ray.get(answer, timeout=PERIOD):
                self._report(one)


def _result(reference: Any, name: str, times: int) -> Any:
    """Return what a piece's worker returned; its warnings are said here. Raises HarError.

    name: of the piece. times: that it is begun, at most.
    """
    try:
        done: Done = ray.get(reference)
    except (exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.OutOfMemoryError) as error:
        raise PieceDiedError(
            f"{name} was begun {times} times, and each time its worker died ({type(error).__name__}), perhaps "
            "for want of memory; give the workers more, or leave it out"
        ) from None
    except (exceptions.RayTaskError, exceptions.RaySystemError) as error:
        if "ModuleNotFoundError" not in str(error):
            raise
        lacking = str(error).strip().splitlines()[-1]
        raise HarError(
            f"a node of the cluster cannot run har_ros ({lacking}); install the same version of it on all nodes"
        ) from None
    for name, level, text in done.said:
        logging.getLogger(name).log(level, "%s", text)
    if done.error is not None:
        raise done.error
    return done.result


def _processors() -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 0)))


def _sent(content: Path | bytes) -> tuple[str, Any]:
    """Put a file into the cluster's object store. Returns its SHA-256, and where it is."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha256(data).hexdigest(), ray.put(np.frombuffer(data, np.uint8))


def _check_port(address: str) -> None:
    """Raise OSError where nobody answers, or something that speaks no HTTP/2: Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), CONNECT) as connection:
        if os.environ.get("RAY_USE_TLS", "0") == "0":
            connection.sendall(GREETING)
            if connection.recv(len(SETTINGS))[3:4] != SETTINGS[3:4]:
                raise OSError("what listens there is no Ray cluster")


def _unreachable(address: str) -> str:
    if address.isdigit():
        return "a Ray cluster of this machine does not start"
    if address == "auto":
        return "there is no Ray cluster that this machine belongs to; run ray start, or give --ray a number of workers"
    return (
        f"the Ray cluster {address} cannot be joined; run on this machine: ray start --address={address}, and where "
        "it has a token, set RAY_AUTH_MODE=token for both"
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what SIGINT and SIGTERM do here: Ray sets its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

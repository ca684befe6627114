"""Processes of this machine as workers."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Thread
from typing import Any

from har_ros.errors import HarError
from har_ros.workers.workers import P, R, Report, StoppedError, Take, Wait, Work

PERIOD = 0.1
"""Seconds between two looks at what the processes report."""


class Processes:
    """Processes of their own on this machine, so many at most; a Ctrl-C is for this one, which ends them."""

    in_this_process = False
    divide = False

    def __init__(self, count: int) -> None:
        self._count = count

    def run(
        self, work: Work[P, R], pieces: Sequence[P], take: Take[R], report: Report, wait: Wait = lambda: None
    ) -> None:
        """See Workers."""
        if not pieces:
            return
        context = multiprocessing.get_context("spawn")
        said, stop = context.Queue(), context.Event()
        with ProcessPoolExecutor(min(self._count, len(pieces)), context, _begin, (work, said, stop)) as pool:
            waiting: dict[Future[Any], int] = {pool.submit(_do, piece): i for i, piece in enumerate(pieces)}
            try:
                while waiting:
                    for future in wait_for(waiting, PERIOD, FIRST_COMPLETED).done:
                        number = waiting.pop(future)
                        take(number, future.result())
                    _pass_on(said, report)
                    wait()
            except BrokenProcessPool:
                raise HarError(
                    "a process was killed, perhaps for want of memory; try again with fewer --jobs"
                ) from None
            finally:
                stop.set()
                for future in waiting:
                    future.cancel()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _pass_on(said: Any, report: Report) -> None:
    try:
        while True:
            report(said.get_nowait())
    except queue.Empty:
        pass


@dataclass
class _Process:
    """What a process has: the work, what does its pieces, the queue for reports, the event that ends the work."""

    work: Work[Any, Any]
    said: Any
    stop: Any
    do: Any = None


_process: _Process
_opened = ExitStack()


def _begin(work: Work[Any, Any], said: Any, stop: Any) -> None:
    global _process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when to stop
    Thread(target=_end_with_parent, name="watchdog", daemon=True).start()
    _process = _Process(work, said, stop)


def _end_with_parent() -> None:
    """End this process when the first one was killed: the next run may write the same files."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _do(piece: Any) -> Any:
    if _process.do is None:
        _process.do = _opened.enter_context(_process.work.opened(None))
    try:
        return _process.do(piece, _process.said.put, _process.stop.is_set)
    except StoppedError:
        return None

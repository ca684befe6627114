"""What runs in a worker of the cluster: one piece of a work, which is opened once in each worker."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import ray

from har_ros.errors import HarError, one_line
from har_ros.workers.sent import unpacked
from har_ros.workers.there import MachineError, check_versions
from har_ros.workers.workers import Do, Work

MOST_SAID = 100
"""Warnings of a piece that are passed on."""


@dataclass(frozen=True)
class Order:
    """What all pieces of a work have in common. work: where it is in the cluster's object store.

    key: of the work; works that do the same with the same files have the same one. files: SHA-256 of what is sent, and
    where its content is, by relative path. board: takes reports. versions: of packages, which workers must have.
    """

    key: str
    work: Any
    files: Mapping[str, tuple[str, Any]]
    board: Any
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """The result of a piece, or what is wrong with it; said: logger, level and text of its warnings."""

    result: Any = None
    error: HarError | None = None
    said: tuple[tuple[str, int, str], ...] = ()


@dataclass
class _Opened:
    key: str = ""
    do: Do[Any, Any] | None = None
    stack: ExitStack = field(default_factory=ExitStack)


_opened = _Opened()


def do(order: Order, number: int, piece: Any) -> Done:
    """Do a piece."""
    said: list[tuple[str, int, str]] = []
    with _heard(said):
        try:
            result = _work_of(order)(piece, lambda progress: order.board.put.remote(number, progress), lambda: False)
        except HarError as error:
            return Done(error=error, said=tuple(said))
        except OSError as error:
            text = (
                f"{os.uname().nodename} cannot work ({one_line(error)}); check its temporary folder (TMPDIR), "
                "its disk, and that it may read the recordings"
            )
            return Done(error=MachineError(text), said=tuple(said))
    return Done(result, said=tuple(said))


def _work_of(order: Order) -> Do[Any, Any]:
    """Return what does pieces of this work, or did those of one that is the same; what another one left is closed."""
    global _opened
    if _opened.key == order.key and _opened.do is not None:
        return _opened.do
    _opened.stack.close()
    _opened = _Opened()
    check_versions(order.versions)
    cv2.setNumThreads(1)  # a worker has one processor
    digests = {name: sha256 for name, (sha256, _) in order.files.items()}
    folder = unpacked(digests, lambda name: ray.get(order.files[name][1])) if digests else Path()
    work: Work[Any, Any] = ray.get(order.work)
    with ExitStack() as stack:
        found = stack.enter_context(work.opened(folder))
        _opened = _Opened(order.key, found, stack.pop_all())
    return found


@contextmanager
def _heard(said: list[tuple[str, int, str]]) -> Iterator[None]:
    """Collect what is logged meanwhile: a worker's terminal is nowhere."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(said) < MOST_SAID:
                said.append((record.name, record.levelno, record.getMessage()))

    ear = Ear(logging.WARNING)
    logger = logging.getLogger("har_ros")
    logger.addHandler(ear)
    try:
        yield
    finally:
        logger.removeHandler(ear)

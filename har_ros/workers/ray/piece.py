"""What runs in a worker of the cluster: one piece of a work, which is opened once in each worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from har_ros.errors import HarError
from har_ros.workers.sent import unpacked
from har_ros.workers.workers import Do, Work

MOST_SAID = 100
"""Warnings of a piece that are passed on."""


@dataclass(frozen=True)
class Order:
    """What all pieces of a work have in common. key: of the work. work, contents: in the cluster's object store.

    digests: SHA-256 of the files by relative path; contents: theirs, in the same order. board: takes reports.
    """

    key: str
    work: Any
    digests: Mapping[str, str]
    contents: tuple[Any, ...]
    board: Any


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
    return Done(result, said=tuple(said))


def _work_of(order: Order) -> Do[Any, Any]:
    """Return what does pieces of this work; what another one left in this worker is closed."""
    global _opened
    if _opened.key == order.key and _opened.do is not None:
        return _opened.do
    _opened.stack.close()
    _opened = _Opened()
    places = dict(zip(order.digests, order.contents, strict=True))
    folder = unpacked(order.digests, lambda name: ray.get(places[name])) if places else Path()
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

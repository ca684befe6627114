"""The interface of workers, and this process as one: a work has many pieces, and one result for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from har_ros.errors import HarError

P = TypeVar("P")
R = TypeVar("R")
Report = Callable[[Any], None]
"""Called with how far a piece is, whatever the work says of that."""
Stopped = Callable[[], bool]
"""Says whether somebody wants the work to end."""
Do = Callable[[P, Report, Stopped], R]
"""Does a piece. Raises HarError, and StoppedError as soon as it is to end."""
Take = Callable[[int, R], None]
"""Called with the number of a piece and its result."""
Wait = Callable[[], None]
"""Called now and then while pieces are done, in the thread that waits for them."""


class StoppedError(Exception):
    """Somebody wants the work to end; what was done is kept."""


class WorkersLostError(HarError):
    """Those who work are gone, or were never there; others may do the same work."""


class PieceDiedError(HarError):
    """The process that did a piece has died, each time that it was begun."""


class Work(ABC, Generic[P, R]):
    """What is done with each piece. It is sent (pickled) to every process that works, and opened there once."""

    retries: ClassVar[int] = 3
    """Times that a piece is begun again whose process has died, by workers that can do that."""

    def files(self) -> Mapping[str, Path | bytes]:
        """Return what it reads of this machine, by relative path: sent to machines that may not have it."""
        return {}

    def called(self, piece: P) -> str:
        """Return what a sentence calls a piece."""
        return str(piece)

    @abstractmethod
    def opened(self, folder: Path | None) -> AbstractContextManager[Do[P, R]]:
        """Lend what does pieces. folder: where the files are; None on this machine, where they need not be sent."""


class Workers(Protocol):
    """Those who do the pieces. Enter them with `with`.

    in_this_process: one after the other, by this process. divide: whether long pieces are to be divided among them.
    """

    in_this_process: bool
    divide: bool

    def run(
        self, work: Work[P, R], pieces: Sequence[P], take: Take[R], report: Report, wait: Wait = lambda: None
    ) -> None:
        """Do all pieces, and call take, report and wait, in this thread: take in the order in which they are done.

        wait is not called where the pieces are done in this thread. Raises HarError, the first one of a piece, and what
        take, report and wait raise; then no other piece begins, and those that have begun end.
        """

    def __enter__(self) -> Workers: ...

    def __exit__(self, *error: object) -> None: ...


class Here:
    """The process itself: one piece after the other, in their order."""

    in_this_process = True
    divide = False

    def run(
        self, work: Work[P, R], pieces: Sequence[P], take: Take[R], report: Report, wait: Wait = lambda: None
    ) -> None:
        """See Workers."""
        with work.opened(None) as do:
            for number, piece in enumerate(pieces):
                take(number, do(piece, report, lambda: False))

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None:
        pass


HERE = Here()

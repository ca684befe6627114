"""An evaluation whose long recordings are done in ranges, by workers that are not this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from har_ros.evaluate.evaluation import Evaluated, Evaluation, Look, Looked, Piece, Result
from har_ros.evaluate.job import PARTS
from har_ros.evaluate.joined import join
from har_ros.evaluate.plan import Job, Progress
from har_ros.evaluate.ranges import Answered, Range
from har_ros.files.results_folder import write_files
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.glance import is_long
from har_ros.workers.workers import Workers


def run_apart(
    jobs: Sequence[Job],
    evaluation: Evaluation,
    recognizer: Recognizer,
    workers: Workers,
    report: Callable[[Progress], None],
) -> list[str]:
    """Evaluate all recordings. Returns the keys of their parts. Raises HarError.

    Ranges that are done are kept beside the parts. recognizer: of the network, which need not be open.
    """
    run = _Run(jobs, evaluation, recognizer, report)
    pieces: list[Piece] = [Look(job) if is_long(job.images) else job for job in jobs]
    run.do(workers, list(enumerate(pieces)))
    run.do(workers, run.next())  # ranges, and what has none
    run.do(workers, run.next())  # what could not be joined
    return run.keys


class _Run:
    """keys: of the parts that are done."""

    def __init__(
        self,
        jobs: Sequence[Job],
        evaluation: Evaluation,
        recognizer: Recognizer,
        report: Callable[[Progress], None],
    ) -> None:
        self.keys = [""] * len(jobs)
        self._jobs, self._evaluation, self._recognizer, self._report = jobs, evaluation, recognizer, report
        self._ranges: dict[int, tuple[Range, ...]] = {}
        self._left: dict[int, int] = {}
        self._next: list[tuple[int, Piece]] = []

    def do(self, workers: Workers, pieces: Sequence[tuple[int, Piece]]) -> None:
        """Do pieces, each given with the number of its recording."""

        def take(place: int, result: Result) -> None:
            number, piece = pieces[place]
            if isinstance(piece, Range):
                self._take_range(number, piece, result)
            elif isinstance(result, Looked):
                self._take_look(number, result)
            elif isinstance(result, Evaluated):
                result.write(self._evaluation.plan.folder)
                self.keys[number] = result.key

        workers.run(self._evaluation, [piece for _, piece in pieces], take, self._report)

    def next(self) -> list[tuple[int, Piece]]:
        """Return what is to be done after what was done, once."""
        pieces, self._next = self._next, []
        return pieces

    def _take_look(self, number: int, looked: Looked) -> None:
        if looked.ranges:
            self._ranges[number] = looked.ranges
            left = [part for part in looked.ranges if not self._is_done(part)]
            self._left[number] = len(left)
            for part in filter(self._is_done, looked.ranges):
                self._report(Progress(part.name, part.end - part.begin, 0, 0))
            self._next += [(number, part) for part in left]
            if not left:
                self._join(number)
        else:
            self.keys[number] = looked.key

    def _is_done(self, part: Range) -> bool:
        return (self._evaluation.plan.folder / _place(part)).is_file()

    def _take_range(self, number: int, part: Range, result: Result) -> None:
        if isinstance(result, Answered):
            write_files(self._evaluation.plan.folder, {_place(part): result.packed()})
        self._left[number] -= 1
        if not self._left[number]:
            self._join(number)

    def _join(self, number: int) -> None:
        """Make a recording's part of its ranges; where that is not possible, it is evaluated as a whole."""
        ranges = self._ranges.pop(number)
        if join(ranges, self._evaluation.plan, self._recognizer):
            self.keys[number] = ranges[0].key
            return
        for part in ranges:
            self._report(Progress(part.name, 0, 0, 0))
        self._next.append((number, self._jobs[number]))


def _place(part: Range) -> Path:
    return Path(PARTS, part.file)

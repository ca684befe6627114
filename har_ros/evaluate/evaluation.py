"""An evaluation as a work: here, in processes beside this one, or on other machines.

Its pieces are recordings; of long ones, a look at what there is, and then ranges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from har_ros.evaluate import job as work
from har_ros.evaluate.job import PARTS
from har_ros.evaluate.networks import EvaluatedNetworks
from har_ros.evaluate.plan import Job, Plan
from har_ros.evaluate.ranges import Answered, Range, answered, ranges_of
from har_ros.files.results_folder import write_files
from har_ros.pipeline.opening import open_recognizer
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.sending import sent_networks, values_there
from har_ros.recordings.glance import glance_of_long
from har_ros.workers.there import check_backend, check_seen
from har_ros.workers.workers import Do, Report, Stopped, Work


@dataclass(frozen=True)
class Evaluated:
    """A recording that has been evaluated. key: of its part. files: in a folder of results, where made elsewhere."""

    key: str
    files: Mapping[Path, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the part's files into a folder of results. Raises HarError."""
        write_files(folder, self.files)


@dataclass(frozen=True)
class Look:
    """A recording that may be evaluated in ranges: it is looked at, and evaluated where it may not."""

    job: Job


@dataclass(frozen=True)
class Looked:
    """The ranges of a recording; none where its part is there. key: of the part."""

    key: str
    ranges: tuple[Range, ...] = ()


Piece = Job | Look | Range
Result = Evaluated | Looked | Answered | None


@dataclass(frozen=True)
class Evaluation(Work[Piece, Result]):
    """header: what job.header_of returned. networks: opened ones; None: they are opened where the work is done.

    known: keys of parts that need not be made.
    """

    plan: Plan
    header: Mapping[str, Any]
    networks: EvaluatedNetworks | None = None
    known: frozenset[str] = frozenset()

    def called(self, piece: Piece) -> str:
        """Return what a sentence calls a piece."""
        return piece.job.name if isinstance(piece, Look) else piece.name

    def files(self) -> dict[str, Path | bytes]:
        """Return the networks."""
        return sent_networks(self.plan.values)

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[Piece, Result]]:
        """Lend what evaluates recordings. Raises HarError."""
        values = self.plan.values if folder is None else values_there(self.plan.values, folder)
        with nullcontext(self.networks) if self.networks else _networks(values) as networks:
            check_backend(networks.recognizer.network.backend.name, self.header["backend"])

            def do(piece: Piece, report: Report, stopped: Stopped) -> Result:
                job = piece if isinstance(piece, Job) else piece.job
                if folder is None:
                    return Evaluated(work.run(job, self.plan, networks, self.header, report, stopped))
                if isinstance(job.path, Path):
                    check_seen(job.path)
                if isinstance(piece, Look) and (looked := self._look(job, networks.recognizer)):
                    return looked
                plan = replace(self.plan, values=values)
                if isinstance(piece, Range):
                    return answered(piece, plan, networks, report, stopped)
                return self._elsewhere(job, plan, networks, report, stopped)

            yield do

    def _elsewhere(
        self, job: Job, plan: Plan, networks: EvaluatedNetworks, report: Report, stopped: Stopped
    ) -> Evaluated:
        with TemporaryDirectory(prefix="har_ros-") as place:
            plan = replace(plan, folder=Path(place))
            key = work.run(job, plan, networks, self.header, report, stopped, self.known)
            made = sorted(Path(place).glob(f"{PARTS}/{key}.*"), key=_last_of_all)
            kept = [path for path in made if path.suffix != ".answers"]
            return Evaluated(key, {path.relative_to(place): path.read_bytes() for path in kept})

    def _look(self, job: Job, recognizer: Recognizer) -> Looked | None:
        """Return the ranges of a recording; None where it is to be evaluated as a whole."""
        with job.opened() as recording:
            seen = glance_of_long(recording)
        if seen is None:
            return None
        key = work.key_of(self.header, seen.sha256, job, seen.cameras, self.plan)
        if key in self.known:
            return Looked(key)
        ranges = ranges_of(job, key, seen, self.plan, recognizer)
        return Looked(key, tuple(ranges)) if len(ranges) > 1 else None


@contextmanager
def _networks(values: dict[str, Any]) -> Iterator[EvaluatedNetworks]:
    with open_recognizer(values) as recognizer, EvaluatedNetworks(values, recognizer) as networks:
        yield networks


def _last_of_all(path: Path) -> bool:
    """Say whether a file is the one that says that its part is complete."""
    return path.suffixes == [".json"]

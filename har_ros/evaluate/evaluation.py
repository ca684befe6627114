"""An evaluation as a work whose pieces are recordings: here, in processes beside this one, or on other machines."""

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
from har_ros.files.results_folder import write_files
from har_ros.models.locate import find_model, find_pose_model
from har_ros.models.portable import portable, portable_pose
from har_ros.pipeline.configuration import named_model
from har_ros.pipeline.opening import open_recognizer
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
class Evaluation(Work[Job, Evaluated]):
    """header: what job.header_of returned. networks: opened ones; None: they are opened where the work is done.

    known: keys of parts that need not be made.
    """

    plan: Plan
    header: Mapping[str, Any]
    networks: EvaluatedNetworks | None = None
    known: frozenset[str] = frozenset()

    def called(self, piece: Job) -> str:
        """Return what a sentence calls a piece."""
        return piece.name

    def files(self) -> dict[str, Path | bytes]:
        """Return the networks."""
        values = self.plan.values
        sent = {"model": portable(named_model(values))}
        if values["persons"]:
            sent["pose_model"] = portable_pose(find_pose_model(values["pose_model"]))
            if values["persons_model"]:
                sent["persons_model"] = portable(find_model(values["persons_model"]))
        return {f"{name}/{file}": content for name, files in sent.items() for file, content in files.items()}

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[Job, Evaluated]]:
        """Lend what evaluates recordings. Raises HarError."""
        values = self.plan.values if folder is None else _there(self.plan.values, folder)
        with nullcontext(self.networks) if self.networks else _networks(values) as networks:
            check_backend(networks.recognizer.network.backend.name, self.header["backend"])

            def here(job: Job, report: Report, stopped: Stopped) -> Evaluated:
                return Evaluated(work.run(job, self.plan, networks, self.header, report, stopped))

            def elsewhere(job: Job, report: Report, stopped: Stopped) -> Evaluated:
                if isinstance(job.path, Path):
                    check_seen(job.path)
                with TemporaryDirectory(prefix="har_ros-") as place:
                    plan = replace(self.plan, values=values, folder=Path(place))
                    key = work.run(job, plan, networks, self.header, report, stopped, self.known)
                    made = sorted(Path(place).glob(f"{PARTS}/{key}.*"), key=_last_of_all)
                    kept = [path for path in made if path.suffix != ".answers"]
                    return Evaluated(key, {path.relative_to(place): path.read_bytes() for path in kept})

            yield here if folder is None else elsewhere


@contextmanager
def _networks(values: dict[str, Any]) -> Iterator[EvaluatedNetworks]:
    with open_recognizer(values) as recognizer, EvaluatedNetworks(values, recognizer) as networks:
        yield networks


def _there(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the parameters where the networks were sent to: one processor does each piece."""
    sent = {name: str(folder / name) for name in ("model", "pose_model", "persons_model") if (folder / name).is_dir()}
    return {**values, **sent, "labels": "", "input_blob": "", "output_blob": "", "threads": values["threads"] or 1}


def _last_of_all(path: Path) -> bool:
    """Say whether a file is the one that says that its part is complete."""
    return path.suffixes == [".json"]

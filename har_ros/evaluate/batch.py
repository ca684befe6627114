"""Many recordings, wherever they are evaluated; the same results, and an interrupted run goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from har_ros.errors import ConfigurationError, counted
from har_ros.evaluate import job as work
from har_ros.evaluate import results
from har_ros.evaluate.apart import run_apart
from har_ros.evaluate.evaluation import Evaluated, Evaluation, Result
from har_ros.evaluate.film import ANNOTATED, annotated_bag
from har_ros.evaluate.job import PARTS
from har_ros.evaluate.networks import EvaluatedNetworks
from har_ros.evaluate.part import PERSONS_SUFFIX
from har_ros.evaluate.persons import PERSONS
from har_ros.evaluate.plan import Job, Plan, Progress
from har_ros.evaluate.ranges import can_be_ranged
from har_ros.files.cache import fingerprint
from har_ros.files.console import say
from har_ros.files.results_folder import atomic, finite, read_json, write_json
from har_ros.pipeline.opening import open_recognizer
from har_ros.recordings.remote import FetchError
from har_ros.workers.workers import Workers


def evaluate(jobs: Sequence[Job], plan: Plan, workers: Workers, overwrite: bool, console: Console) -> dict[str, Any]:
    """Write the predictions of all recordings. Returns their header.

    Results of the very same evaluation are left as they are. Raises HarError; KeyboardInterrupt leaves what is done.
    """
    with open_recognizer(plan.values) as recognizer:
        wanted = work.header_of(recognizer, plan)
        kept = None if overwrite else _kept(jobs, plan, wanted, console)
        annotated = all(annotated_bag(plan.folder, job.name).is_dir() for job in jobs)
        if kept is not None and (annotated or not plan.annotate):
            # of a run that was killed after the last of its work
            shutil.rmtree(plan.folder / PARTS, ignore_errors=True)
            say(console, f"{plan.folder} has the predictions already; the network need not run")
            return kept
        if (plan.folder / results.PREDICTIONS).exists() and kept is None and not overwrite:
            raise ConfigurationError(
                f"{plan.folder} has the results of another evaluation; give another folder (-o), or --overwrite"
            )
        if overwrite:
            shutil.rmtree(plan.folder / ANNOTATED, ignore_errors=True)
        if workers.in_this_process:
            with EvaluatedNetworks(plan.values, recognizer) as networks:
                return _join(plan.folder, wanted, _run(jobs, Evaluation(plan, wanted, networks), workers, console))
    done = frozenset(path.stem for path in (plan.folder / PARTS).glob("*.json") if "." not in path.stem)
    evaluation = Evaluation(plan, wanted, known=done)
    if not (workers.divide and can_be_ranged(plan, recognizer)):
        return _join(plan.folder, wanted, _run(jobs, evaluation, workers, console))
    with _bar(console, sum(job.images for job in jobs), len(jobs)) as report:
        keys = run_apart(jobs, evaluation, recognizer, workers, report)
    return _join(plan.folder, wanted, keys)


def _run(jobs: Sequence[Job], evaluation: Evaluation, workers: Workers, console: Console) -> list[str]:
    """Evaluate all recordings. Returns the keys of their parts. Raises HarError."""
    keys = [""] * len(jobs)
    with _bar(console, sum(job.images for job in jobs), len(jobs)) as report:

        def take(number: int, evaluated: Result) -> None:
            assert isinstance(evaluated, Evaluated)
            keys[number] = evaluated.key
            evaluated.write(evaluation.plan.folder)

        workers.run(evaluation, jobs, take, report)
    return keys


def _kept(jobs: Sequence[Job], plan: Plan, wanted: dict[str, Any], console: Console) -> dict[str, Any] | None:
    """Return the header of the results that are there, if they are those of these jobs.

    A recording that cannot be had any more is taken for the one that was evaluated, and the console says so.
    """
    path = plan.folder / results.PREDICTIONS
    if not path.is_file():
        return None
    try:
        header, _ = results.read(path)
        recordings = header.pop("recordings")
        same = header == json.loads(json.dumps(finite(wanted))) and len(recordings) == len(jobs)
        same = same and all(_evaluated(job, one, console) for job, one in zip(jobs, recordings, strict=True))
    except (ConfigurationError, KeyError, TypeError, AttributeError):
        return None
    return {**header, "recordings": recordings} if same else None


def _evaluated(job: Job, summary: dict[str, Any], console: Console) -> bool:
    """Say whether the results' summary of a recording is that of a job. Raises ConfigurationError."""
    if summary["name"] != job.name:
        return False
    try:
        with job.opened() as recording:
            same = tuple(summary["cameras"]) == recording.cameras
            return same and summary["sha256"] == fingerprint(recording.files())
    except FetchError as error:
        say(console, f"the results of {job.name} are given unchecked: {error}")
        return True


def _join(folder: Path, header: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Make the predictions of their parts, in the order of the recordings."""
    parts = folder / PARTS
    header = {**header, "recordings": [read_json(parts / f"{key}.json") for key in keys]}
    names = [summary["name"] for summary in header["recordings"]]
    times = [read_json(parts / f"{key}.timing.json") for key in keys]
    write_json(folder / results.TIMING, dict(zip(names, times, strict=True)))  # first: predictions end the work
    if header["parameters"]["persons"]:
        with atomic(folder / PERSONS) as file:
            _append(file, [parts / f"{key}{PERSONS_SUFFIX}" for key in keys])
    with atomic(folder / results.PREDICTIONS) as file:
        file.write(json.dumps(finite(header), ensure_ascii=False) + "\n")
        _append(file, [parts / f"{key}.jsonl" for key in keys])
    shutil.rmtree(parts, ignore_errors=True)
    return header


def _append(file: IO[str], parts: Sequence[Path]) -> None:
    for path in parts:
        with path.open(encoding="utf-8") as part:
            shutil.copyfileobj(part, file)


@contextmanager
def _bar(console: Console, total: int, recordings: int) -> Iterator[Callable[[Progress], None]]:
    """Show how far the recordings are; hidden where the output is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    done: dict[str, Progress] = {}
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        name = counted(recordings, "recording")
        task = bar.add_task(name, total=total or None, rate="")

        def report(progress: Progress) -> None:
            done[progress.name] = progress
            windows = sum(one.windows for one in done.values())
            elapsed = bar.tasks[task].elapsed or 0.0
            rate = f"{counted(windows, 'window')}, {windows / elapsed:.1f}/s" if elapsed else ""
            bar.update(task, completed=sum(one.images for one in done.values()), rate=rate)

        yield report

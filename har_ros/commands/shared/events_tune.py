"""`actionnet events tune`: limits of events for each class, chosen with recordings and their truth."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from har_ros.commands.shared.jobs import add_recordings, jobs_of
from har_ros.commands.shared.options import between
from har_ros.commands.shared.parameter_file import add_parameter_file, node_parameters
from har_ros.commands.shared.workers import add_workers, workers_of
from har_ros.errors import ConfigurationError, HarError, counted
from har_ros.evaluate import batch, results
from har_ros.evaluate.assess import Truth, assess
from har_ros.evaluate.persons import PERSONS
from har_ros.evaluate.plan import Job, Plan
from har_ros.evaluate.recorded_evidence import recorded, recorded_people
from har_ros.evaluate.tune import Cost, Tuned, Tuning, Wish
from har_ros.files.console import cell, say
from har_ros.files.results_folder import atomic, reserved
from har_ros.learning.dataset import group_of
from har_ros.pipeline.configuration import all_labels, event_settings, network_names
from har_ros.pipeline.event_settings import ClassLimits
from har_ros.stats.intervals import Figure
from har_ros.truth.segments import load_label_map, load_truth

LIMITS = "limits.yaml"
RECALL = 0.95


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `run` takes."""
    add_recordings(parser)
    parser.add_argument("--truth", type=Path, help="segments with labels: CSV, YAML, VIA's CSV or JSON")
    parser.add_argument("--truth-topic", default="", metavar="TOPIC", help="vision_msgs/Classification in the bags")
    parser.add_argument("--label-map", type=Path, help="YAML: truth name → class of the network, several, or none")
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument(
        "--recall",
        type=between(0, 1),
        help=f"share of each class's segments to find, at least, with as few false alarms as possible ({RECALL})",
    )
    wish.add_argument(
        "--false-alarms",
        type=between(0, 3600),
        metavar="PER_HOUR",
        help="false alarms of each class an hour, at most, with as much recall as possible",
    )
    parser.add_argument(
        "--group-pattern",
        default="",
        metavar="REGEX",
        help="the part of a recording's name that identifies its group, such as a person (each recording is one)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("evaluation"),
        help=f"folder for {LIMITS}, and for results as of actionnet evaluate, which are used if they are there",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what another evaluation left in it")
    add_workers(parser, "bags that are evaluated at a time (1)")
    add_parameter_file(parser)


def run(options: argparse.Namespace) -> int:
    """Choose limits, show what they cost, and write them. Returns the exit status: 1 for none. Raises HarError."""
    if not (options.truth or options.truth_topic):
        raise ConfigurationError("there is no truth to choose limits with; give --truth or --truth-topic")
    values = node_parameters(options.params_file, options.param)
    event_settings(values, all_labels(values))  # raises where the limits contradict
    jobs = jobs_of(options.recordings, values)
    groups = {
        job.name: group_of(options.group_pattern, job.name) if options.group_pattern else job.name for job in jobs
    }
    segments = load_truth(options.truth) if options.truth else ()
    truth = Truth(segments, load_label_map(options.label_map), options.truth_topic)
    truth.check(jobs, all_labels(values), network_names(values))
    recall = RECALL if options.recall is None and options.false_alarms is None else options.recall
    plan = Plan(values, options.output)
    with reserved(plan.folder):
        tuned = _tuned(jobs, plan, truth, groups, Wish(recall, options.false_alarms), options)
        console, path = Console(), plan.folder / LIMITS
        console.print(_table(tuned))
        for one in tuned.classes:
            if one.reason:
                say(console, f"{one.name} keeps its limits: {one.reason}")
            elif one.missed:
                wish = f"with smoothing {tuned.smoothing:g}, no limits that were tried serve the wish"
                say(console, f"{one.name}: {wish}; these come nearest to it")
        if not any(one.limits for one in tuned.classes):
            raise HarError("no class's limits can be chosen; give more recordings")
        with atomic(path) as file:
            file.write(_text(tuned, event_settings(values).classes))
        say(console, f"{path}: use it with {_parameters(tuned, path)}")
    return 0


def _tuned(
    jobs: Sequence[Job], plan: Plan, truth: Truth, groups: dict[str, str], wish: Wish, options: argparse.Namespace
) -> Tuned:
    """Evaluate the recordings, unless that was done, and choose."""
    console = Console(stderr=True)
    with workers_of(options, len(jobs)) as workers:
        header = batch.evaluate(jobs, plan, workers, options.overwrite, console)
    predictions = plan.folder / results.PREDICTIONS
    assessment = assess(predictions, header, truth.of(jobs, header), truth)
    classes, labels = assessment.classes, header["labels"]
    if assessment.person_classes is not None:
        say(console, "limits are chosen by the events of people; leave persons out for those of whole images")
        classes, labels = assessment.person_classes, header["person_labels"]
        tracks = recorded_people(plan.folder / PERSONS, assessment.judged, classes, groups.__getitem__)
    else:
        tracks = recorded(predictions, assessment.judged, classes, groups.__getitem__)
    usual, smoothing = event_settings(plan.values), plan.values["smoothing"]
    tuning = Tuning(tracks, labels, classes, usual, smoothing, wish)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("limits", total=tuning.steps)
        return tuning.run(lambda: progress.advance(task))


def _table(tuned: Tuned) -> Table:
    """Return what the limits cost, and what the usual ones did."""
    table = Table("class", "limits", "segments", "recall", "false alarms/h", "delay (s)", box=None)
    rows = ((one.name, one.limits, one.cost, one.usual) for one in tuned.classes)
    for name, limits, cost, usual in (*rows, ("all", None, tuned.cost, tuned.usual)):
        shown = "{:g}, {:g}, {:g} s, {:g} s".format(*limits) if limits else ""
        table.add_row(cell(name), shown, str(cost.segments), *_cells(cost))
        table.add_row("", "[dim]so far[/]", "", *_cells(usual), style="dim")
    table.caption = "limits: start, end, min_duration, max_gap; figures of recordings held out (95 % interval)"
    return table


def _cells(cost: Cost) -> list[str]:
    return [_figure(cost.recall), _figure(cost.alarms), _number(cost.delay)]


def _figure(figure: Figure) -> str:
    """Return a value and its interval, nothing for NaN."""
    if not math.isfinite(figure.value):
        return ""
    return f"{_number(figure.value)} ({_number(figure.low)} … {_number(figure.high)})"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else ""


def _text(tuned: Tuned, usual: Mapping[str, ClassLimits]) -> str:
    """Return the file's text. usual: limits of classes that had some."""
    cost = tuned.cost
    head = [
        "Limits of events, by actionnet events tune.",
        f"Held out: recall {_figure(cost.recall)} of {counted(cost.segments, 'segment')}, "
        f"{_figure(cost.alarms)} false alarms an hour, starts {_number(cost.delay)} s late (median).",
        f"They are for smoothing: {tuned.smoothing:g}",
    ]
    kept = {label: {k: v for k, v in asdict(one).items() if v is not None} for label, one in usual.items()}
    chosen = {label: one.limits._asdict() for one in tuned.classes if one.limits for label in one.outputs}
    content = yaml.safe_dump({**kept, **chosen}, sort_keys=False, allow_unicode=True)
    return "".join(f"# {line}\n" for line in head) + content


def _parameters(tuned: Tuned, path: Path) -> str:
    """Return the parameters with which the limits do what was measured."""
    return f"event_limits:={path} smoothing:={float(tuned.smoothing)}"

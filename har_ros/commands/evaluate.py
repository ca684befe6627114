"""Measure how well a network does on bags and videos: the node's own pipeline, the truth, a report."""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from har_ros.commands.compare import changes_table
from har_ros.commands.shared.jobs import add_recordings, jobs_of
from har_ros.commands.shared.options import between
from har_ros.commands.shared.parameter_file import add_parameter_file, node_parameters
from har_ros.commands.shared.parser import Parser
from har_ros.commands.shared.program import as_program
from har_ros.commands.shared.workers import add_workers, workers_of
from har_ros.errors import ConfigurationError, HarError, counted
from har_ros.evaluate import batch, results
from har_ros.evaluate.assess import Assessment, Truth, assess
from har_ros.evaluate.compare import compare, load_metrics
from har_ros.evaluate.film import annotated_bag
from har_ros.evaluate.likeness_figures import LikenessFigures
from har_ros.evaluate.plan import Job, Plan
from har_ros.evaluate.report import write_report
from har_ros.evaluate.window_figures import FIGURES, HOUR
from har_ros.files.console import say
from har_ros.files.results_folder import METRICS, finite, read_json, reserved, write_json
from har_ros.pipeline.configuration import all_labels, event_settings, named_model, network_names
from har_ros.truth.labelling import COVERAGE
from har_ros.truth.segments import load_label_map, load_truth

NAMES = [name for name, _ in FIGURES]
OF_LIKENESS = "; of what is unlike, over cameras (one or two: over windows)"


def run(arguments: list[str]) -> int:
    """`actionnet evaluate`. Returns the exit status: 1 also when a figure is beyond its limit. Raises HarError."""
    options = _evaluate_parser().parse_args(arguments)
    values = node_parameters(options.params_file, options.param)
    labels = all_labels(values)
    event_settings(values, labels)  # raises where the limits contradict
    if options.annotate and options.ray:
        raise ConfigurationError("annotated bags are written on this machine; leave out --annotate or --ray")
    jobs = jobs_of(options.recordings, values)
    label_map = load_label_map(options.label_map)
    segments = load_truth(options.truth) if options.truth else ()
    truth = Truth(segments, label_map, options.truth_topic, options.coverage)
    truth.check(jobs, labels, network_names(values))
    earlier = load_metrics(options.against) if options.against else None
    inference_time = options.inference_time
    if options.realtime_factor and not inference_time:
        inference_time = _window_period(values)
    plan = Plan(values, options.output, inference_time, options.realtime_factor or 1.0, options.annotate)
    with reserved(plan.folder):
        return _evaluate(jobs, plan, truth, earlier, options)


def _evaluate(
    jobs: Sequence[Job], plan: Plan, truth: Truth, earlier: Mapping[str, Any] | None, options: argparse.Namespace
) -> int:
    """Run, write and show. Returns the exit status. earlier: results to compare with."""
    console = Console(stderr=True)
    try:
        with workers_of(options, len(jobs)) as workers:
            header = batch.evaluate(jobs, plan, workers, options.overwrite, console)
        assessment = assess(plan.folder / results.PREDICTIONS, header, truth.of(jobs, header), truth)
    except KeyboardInterrupt:
        console.print("interrupted; the same command goes on from here")
        raise
    write_json(plan.folder / METRICS, assessment.metrics.to_dict())
    shown = Console()
    shown.print(_summary(assessment, read_json(plan.folder / results.TIMING)))
    change = compare(earlier, finite(assessment.metrics.to_dict())) if earlier else None
    if change:
        shown.print(changes_table(change))
    failures = [recording["error"] for recording in header["recordings"] if recording["error"]]
    try:
        write_report(plan.folder / results.REPORT, assessment, jobs, change)
    except HarError as error:
        failures.append(str(error))
    for likeness in (assessment.metrics.likeness, assessment.metrics.person_likeness):
        if likeness is not None and likeness.verdict:
            say(shown, likeness.verdict)
    _say_where(shown, plan, jobs)
    failures += _beyond(assessment, options)
    short = _too_short(assessment)
    for text in (*short, *failures):
        say(console, f"actionnet: {text}")
    nothing = short and not assessment.metrics.overall.figures.windows.run
    return 1 if failures or nothing else 0


def _window_period(values: dict[str, Any]) -> float:
    """Return the seconds between two windows of a camera. Raises ConfigurationError where frames are counted."""
    rate = values["sample_rate"] or named_model(values).card.window.sample_rate
    if values["skip_frames"] >= 0 or not rate:
        raise ConfigurationError("--realtime-factor needs --inference-time where frames are counted; give the seconds")
    return 1.0 / float(rate)


def _evaluate_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="actionnet evaluate", description=__doc__)
    add_recordings(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("evaluation"), help="folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="replace what another evaluation left in it")
    add_parameter_file(parser)
    parser.add_argument("--truth", type=Path, help="segments with labels: CSV, YAML, VIA's CSV or JSON")
    parser.add_argument("--truth-topic", default="", metavar="TOPIC", help="vision_msgs/Classification in the bags")
    parser.add_argument("--label-map", type=Path, help="YAML: truth name → class of the network, several, or none")
    parser.add_argument(
        "--coverage",
        type=between(0.01, 1),
        default=COVERAGE,
        help="part of a window, or of a shorter segment, that the two share when it has the segment's label (0.5)",
    )
    parser.add_argument(
        "--inference-time",
        type=between(0, 3600),
        default=0.0,
        metavar="SECONDS",
        help="simulate a network that takes so long, and drop the windows that the node would drop (every one runs)",
    )
    parser.add_argument(
        "--realtime-factor",
        type=between(0.01, 1000),
        default=0.0,
        metavar="FACTOR",
        help="play the bags so many times as fast meanwhile: 2 is a machine of half the speed (1); alone: simulate a"
        " network that takes so many times the period between two windows of a camera",
    )
    add_workers(parser, "bags that are evaluated at a time (1)")
    parser.add_argument("--annotate", action="store_true", help="write bags with /actions and annotated images, too")
    parser.add_argument("--against", type=Path, metavar="RESULTS", help="earlier results to compare with")
    for option, limit in (("--fail-below", "less"), ("--fail-above", "more")):
        parser.add_argument(
            option,
            type=_limit,
            action="append",
            default=[],
            metavar="FIGURE=VALUE",
            help=f"end with status 1 when the figure is {limit}, such as top1=0.6; one of {', '.join(NAMES)}",
        )
    return parser


def _limit(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        limit = float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no FIGURE=VALUE, such as top1=0.6") from None
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"{name!r} is no figure; give one of {', '.join(NAMES)}")
    return name, limit


def _beyond(assessment: Assessment, options: argparse.Namespace) -> list[str]:
    """Say which figures are beyond their limits, or are not there."""
    found = []
    for name, limit in options.fail_below:
        if not (value := getattr(assessment.metrics.overall.figures, name).value) >= limit:
            found.append(f"{name} is {value:.4g}, below {limit:g}")
    for name, limit in options.fail_above:
        if not (value := getattr(assessment.metrics.overall.figures, name).value) <= limit:
            found.append(f"{name} is {value:.4g}, above {limit:g}")
    return found


def _too_short(assessment: Assessment) -> list[str]:
    """Say of how many cameras there are too few images for a window, unless another sentence says why."""
    said = {recording.name for recording in assessment.metrics.recordings if recording.error}
    cameras = [row for row in assessment.metrics.per_camera if row.counts.cameras_too_short]
    names = [f"{row.bag} {row.camera}" for row in cameras if row.bag not in said]
    if not names:
        return []
    return [
        f"too few images for a window from {len(names)} of {counted(len(assessment.judged), 'camera')}, such as "
        f"{names[0]}: a node would say nothing of them; set frames, sample_rate or skip_frames, or give videos, which "
        "are played again"
    ]


def _summary(assessment: Assessment, timing: Mapping[str, Any]) -> Table:
    figures, counts = assessment.metrics.overall.figures, assessment.metrics.overall.counts
    windows = figures.windows
    table = Table("figure", "value", "95 % interval", box=None)
    table.caption = "intervals: over segments; of false alarms, exact"
    for name, what in FIGURES:
        figure = getattr(figures, name)
        if math.isfinite(figure.value):
            interval = f"{figure.low:.3f} … {figure.high:.3f}" if math.isfinite(figure.low) else ""
            table.add_row(f"{what} [dim]{name}[/]", f"{figure.value:.3f}", interval)
    table.add_row("windows expected, run", f"{counts.windows_expected}, {windows.run}", "")
    dropped = counts.windows_dropped_busy, counts.windows_dropped_restart, counts.windows_failed
    table.add_row("dropped: network busy, window restarted; failed", ", ".join(map(str, dropped)), "")
    table.add_row("windows with a label, background", f"{windows.labelled}, {windows.background}", "")
    background = f"{figures.false_alarms}, {figures.background_hours * HOUR:.1f}"
    table.add_row("false alarms, seconds of background", background, "")
    if windows.padded:
        table.add_row("clips shorter than a window, played again", str(windows.padded), "")
    if counts.cameras_too_short:
        table.add_row("cameras with too few images for a window", str(counts.cameras_too_short), "")
    for who, likeness in (("", assessment.metrics.likeness), (" of people", assessment.metrics.person_likeness)):
        if likeness is not None:
            for row in _likeness_rows(likeness, who):
                table.add_row(*row)
    if times := [took["median"] for took in timing.values() if took["median"] is not None]:
        table.add_row("inference time here, median (s)", f"{statistics.median(times):.3f}", "")
    if assessment.metrics.likeness is not None:
        table.caption += OF_LIKENESS
    return table


def _likeness_rows(likeness: LikenessFigures, who: str) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the terminal's table. who: whose windows, if not whole images."""
    kinds = (("windows", likeness.unlike), ("windows with an action", likeness.unlike_actions))
    for what, figure in kinds:
        if math.isfinite(figure.value):
            interval = f"{figure.low:.3f} … {figure.high:.3f}" if math.isfinite(figure.low) else ""
            expected = f" [dim]expected of held-out clips: at most {likeness.expected:g}[/]" if "action" in what else ""
            yield f"{what}{who} unlike all that was taught{expected}", f"{figure.value:.3f}", interval


def _say_where(console: Console, plan: Plan, jobs: Sequence[Job]) -> None:
    places = {
        "report": plan.folder / results.REPORT,
        "figures": plan.folder / METRICS,
        "predictions": plan.folder / results.PREDICTIONS,
    }
    if plan.annotate:
        places["annotated bags"] = annotated_bag(plan.folder, jobs[0].name).parent
    for name, path in places.items():
        if path.exists():
            say(console, f"{name + ':':16}{path}")


def main() -> int:
    """`ros2 run har_ros evaluate`. Returns the exit status."""
    return as_program("evaluate", run)

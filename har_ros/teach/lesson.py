"""From a dataset to a taught network: embeddings, head, figures, folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, HarError
from har_ros.files.console import PLAIN
from har_ros.files.results_folder import write_json
from har_ros.files.versions import version_of
from har_ros.graphs.cut import LOGITS, taught_network
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.advice import advice, doubt, pair_in_words, pair_told
from har_ros.learning.dataset import Dataset
from har_ros.learning.duplicates import joined, near_duplicates
from har_ros.learning.embed import Embedder, Windows, embed
from har_ros.learning.head import Floats
from har_ros.learning.model import (
    CLIPS,
    METRICS,
    NETWORK,
    REPORT,
    TESTS,
    check_output,
    taught_card,
    write_model,
    write_network,
)
from har_ros.learning.report import write_report
from har_ros.learning.samples import Samples, gather
from har_ros.learning.table import write_clips
from har_ros.learning.test_set import measure, test_set
from har_ros.models.card import ModelCard, NetworkFile
from har_ros.models.locate import find_model

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """model: whose embeddings. frames: of a window, 0 as its card says. mirror: teach with mirror images, too.

    background: let what lies between segments be the class "none".
    """

    model: str
    frames: int = 0
    mirror: bool = True
    background: bool = True


@dataclass(frozen=True)
class Lesson:
    """What there is to teach with: samples whose near-duplicates are in one group.

    base: card of the network whose embeddings they have. prepared: that network, without its last layer.
    backend: what computed them. duplicates: see pair_in_words. left_out: a sentence for each recording.
    """

    dataset: Dataset
    settings: Settings
    base: ModelCard
    prepared: PreparedNetwork
    backend: str
    samples: Samples
    duplicates: list[dict[str, Any]]
    left_out: list[str]


def teach(
    dataset: Dataset,
    folder: Path,
    settings: Settings,
    backend: BackendSettings,
    overwrite: bool,
    console: Console,
    test: Dataset | None = None,
) -> dict[str, Any]:
    """Write the taught network and its report. Returns what is in metrics.json. Raises HarError.

    test: clips to try the network on, which nothing is fitted to.
    KeyboardInterrupt leaves nothing behind but the embeddings so far, in the cache.
    """
    check_output(folder, overwrite)
    with Embedder(find_model(settings.model), backend, settings.frames, settings.mirror) as embedder:
        lesson = learn_from(embedder, dataset, settings, console)
        tests = test_set(test, *read(embedder, test, console), lesson.samples) if test else None
    samples, everything = lesson.samples, np.arange(len(lesson.samples.examples))
    with told(console) as tell, threadpool_limits(1):  # the matrices are small: more threads wait for each other
        checked = validation.validate(samples, tell)
        measured: dict[str, Any] = {
            "validation": f"{len(checked.folds)}-fold cross-validation",
            "figures": validation.figures(samples, checked.probabilities),
            "log_loss": validation.log_loss(samples, checked.probabilities),
            "calibration": validation.calibration(samples, checked.probabilities),
            "uncalibrated_error": validation.calibration(samples, checked.raw)["error"],
            "learning_curve": validation.learning_curve(samples, checked, tell),
            "gains": validation.gains(samples, checked, tell),
        }
        tell("the network")
        choice = heads.choose(samples, everything)
        [fitted] = heads.fits(samples, everything, [choice.strength])
        head = fitted.cooled(choice.temperature)
    network = taught_network(load_onnx(lesson.prepared.path), *head.rounded())
    measured["advice"] = advice(measured)
    measured["temperature"] = choice.temperature
    measured["chosen"] = {
        "regularisation (C)": choice.strength,
        "C in the folds": ", ".join(f"{one.strength:g}" for one in checked.choices),
        "temperature in the folds": ", ".join(f"{one.temperature:.3g}" for one in checked.choices),
    }
    tested = [(CLIPS, samples, checked.probabilities)]
    if tests:
        measured["test"], probabilities = measure(tests, head)
        tested.append((TESTS, tests.samples, probabilities))
    return write(folder, lesson, network, measured, tested)


def learn_from(embedder: Embedder, dataset: Dataset, settings: Settings, console: Console) -> Lesson:
    """Look at the recordings, give their windows labels, find near-duplicates. Raises HarError."""
    windows, left_out = read(embedder, dataset, console)
    given = gather(dataset.materials, windows, settings.background)
    pairs = near_duplicates(given)
    samples = joined(given, pairs)
    if not heads.folds(samples.classes, samples.groups):
        why = f"; {pair_in_words(given, pairs[0])}" if pairs else ""
        raise ConfigurationError(
            f"the groups of {dataset.path} cannot be divided so that every class is on both sides; add clips of other "
            f"sources or people{why}"
        )
    duplicates = [pair_told(given, pair) for pair in pairs]
    backend = embedder.network.backend.name
    return Lesson(dataset, settings, embedder.card, embedder.prepared, backend, samples, duplicates, left_out)


def write(
    folder: Path,
    lesson: Lesson,
    network: bytes,
    measured: Mapping[str, Any],
    tested: Sequence[tuple[str, Samples, Floats]],
) -> dict[str, Any]:
    """Write the network's folder; returns what is in metrics.json. Raises HarError.

    measured: validation, figures, calibration, temperature, what was chosen, and what else there is. tested: the file
    of a table, its clips, and their probabilities, m×C; the first is what the report is about.
    """
    samples, base, prepared = lesson.samples, lesson.base, lesson.prepared
    description = f"{', '.join(samples.labels)}: taught on top of {base.name} with {len(samples.examples)} clips"
    embedding = base.network.embedding if base.network else None
    file = NetworkFile(NETWORK, prepared.input_blob, LOGITS, embedding=embedding)
    card = taught_card(base, folder.name, samples.labels, prepared.shape[0], file, description)
    _, shown, probabilities = tested[0]
    metrics = _metrics(card.name, lesson, measured, shown)

    def fill(place: Path) -> None:
        write_network(place, card, network, samples.labels)
        write_json(place / METRICS, metrics)
        for name, clips, said in tested:
            write_clips(place / name, clips, said)
        try:
            write_report(place / REPORT, metrics, shown, probabilities)
        except HarError as error:  # the network is worth more
            logger.warning("%s", error)

    write_model(folder, fill)
    return metrics


def _metrics(name: str, lesson: Lesson, measured: Mapping[str, Any], tested: Samples) -> dict[str, Any]:
    """Return what is in metrics.json."""
    samples = lesson.samples
    return {
        "name": name,
        "base": lesson.base.name,
        "backend": lesson.backend,
        "labels": samples.labels,
        "frames": lesson.prepared.shape[0],
        "clips": len(samples.examples),
        "windows": len(samples.example),
        "groups": len(np.unique(samples.groups)),
        "groups_tested": len(np.unique(tested.groups)),
        "grouping": lesson.dataset.grouping,
        "advice": [],
        "test": None,
        **measured,
        "doubt": doubt(measured["log_loss"]),
        "duplicates": lesson.duplicates,
        "left_out": lesson.left_out,
        "settings": {
            **measured["chosen"],
            "temperature": round(measured["temperature"], 4),
            **asdict(lesson.settings),
            "dataset": str(lesson.dataset.path),
        },
        "versions": {name: version_of(name) for name in ("har_ros", "numpy", "scikit-learn", "onnx", "openvino")},
    }


def read(embedder: Embedder, dataset: Dataset, console: Console) -> tuple[dict[Path, list[Windows]], list[str]]:
    """Return the windows of each recording, and a sentence for each that cannot be used."""
    windows: dict[Path, list[Windows]] = {}
    left_out: list[str] = []
    paths = list(dict.fromkeys(material.path for material in dataset.materials))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("looking at recordings", total=len(paths))
        for path, found in embed(embedder, paths):
            progress.advance(task)
            if isinstance(found, HarError):
                left_out.append(str(found))
                console.print(f"left out: {found}", **PLAIN)
            else:
                windows[path] = found
    console.print(f"{len(windows)} recordings, of which {embedder.computed} were not in the cache", **PLAIN)
    if not windows:
        raise ConfigurationError(f"no recording of {dataset.path} can be used; see above")
    return windows, left_out


@contextmanager
def told(console: Console) -> Iterator[validation.Tell]:
    """Lend what shows the work that is being done."""
    with console.status("cross-validation") as status:
        yield lambda what: status.update(escape(what))

"""What is taught with, and the folder that a taught network becomes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from har_ros.errors import ConfigurationError, HarError, counted
from har_ros.files.console import say
from har_ros.files.results_folder import write_json
from har_ros.files.versions import version_of
from har_ros.graphs.cut import LOGITS
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.learning import head as heads
from har_ros.learning.advice import doubt, pair_in_words, pair_to_dict
from har_ros.learning.dataset import Dataset
from har_ros.learning.duplicates import Pair, joined, near_duplicates
from har_ros.learning.embed import Embedder, Windows, embed
from har_ros.learning.embedders import Settings, look_elsewhere
from har_ros.learning.model import BACKGROUND, METRICS, NETWORK, REPORT, taught_card, write_model, write_network
from har_ros.learning.report import write_report
from har_ros.learning.samples import Samples, gather
from har_ros.learning.table import write_clips
from har_ros.models.card import ModelCard, NetworkFile
from har_ros.stats.metrics import Floats
from har_ros.workers.workers import HERE, Workers

logger = logging.getLogger(__name__)

LOOKING = "looking at recordings"
Watch = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much: 0 where that is not known."""


def nobody(_: str, __: int, ___: int) -> None:
    """Watches nothing."""


@dataclass(frozen=True)
class Lesson:
    """What there is to teach with: samples whose near-duplicates are in one group.

    base: card of the network whose embeddings they have. prepared: that network, without its last layer. frames: of a
    window.
    backend: what computed them. duplicates: see pair_in_words. left_out: a sentence for each recording.
    people: see Embedder.
    """

    dataset: Dataset
    settings: Settings
    base: ModelCard
    prepared: PreparedNetwork
    frames: int
    backend: str
    samples: Samples
    duplicates: list[dict[str, Any]]
    left_out: list[str]
    people: Mapping[Path, Path]


def divisible(given: Samples, pairs: Sequence[Pair], path: Path) -> Samples:
    """Return the samples with near-duplicates in one group each. path: the dataset's.

    Raises ConfigurationError where they cannot be divided into those to teach and those to test with.
    """
    samples = joined(given, pairs)
    if not heads.folds(samples.classes, samples.groups):
        why = f"; {pair_in_words(given, pairs[0])}" if pairs else ""
        raise ConfigurationError(
            f"the groups of {path} cannot be divided so that every class is on both sides; add clips of other "
            f"sources or people{why}"
        )
    return samples


def learn_from(
    embedder: Embedder,
    dataset: Dataset,
    settings: Settings,
    console: Console,
    watch: Watch = nobody,
    workers: Workers = HERE,
) -> Lesson:
    """Look at the recordings, give their windows labels, find near-duplicates. Raises HarError."""
    windows, left_out = read(embedder, dataset, console, watch, workers)
    given = gather(dataset.materials, windows, settings.between)
    pairs = near_duplicates(given)
    samples = divisible(given, pairs, dataset.path)
    duplicates = [pair_to_dict(given, pair) for pair in pairs]
    network = embedder.network
    return Lesson(
        dataset,
        settings,
        embedder.card,
        embedder.prepared,
        network.length,
        network.backend.name,
        samples,
        duplicates,
        left_out,
        embedder.people,
    )


def write(
    folder: Path,
    overwrite: bool,
    lesson: Lesson,
    network: bytes,
    measured: Mapping[str, Any],
    tested: Sequence[tuple[str, Samples, Floats]],
    background: bytes = b"",
) -> dict[str, Any]:
    """Write the network's folder; returns what is in metrics.json. Raises HarError.

    measured: validation, figures, calibration, temperature, what was chosen, and what else there is. tested: the file
    of a table, its clips, and their probabilities, m×C; the first is what the report is about. background: its file,
    empty for none.
    """
    samples, base, prepared = lesson.samples, lesson.base, lesson.prepared
    description = f"{', '.join(samples.labels)}: taught on top of {base.name} with {len(samples.examples)} clips"
    embedding = base.network.embedding if base.network else None
    file = NetworkFile(NETWORK, prepared.input_blob, LOGITS, embedding=embedding)
    card = taught_card(base, folder.name, lesson.frames, file, description)
    _, shown, probabilities = tested[0]
    metrics = _metrics(card.name, lesson, measured, shown)

    def fill(place: Path) -> None:
        write_network(place, card, network, samples.labels)
        write_json(place / METRICS, metrics)
        if background:
            (place / BACKGROUND).write_bytes(background)
        for name, clips, said in tested:
            write_clips(place / name, clips, said)
        try:
            write_report(place / REPORT, metrics, shown, probabilities, lesson.people)
        except HarError as error:  # the network is worth more
            logger.warning("%s", error)

    write_model(folder, overwrite, fill)
    return metrics


def _metrics(name: str, lesson: Lesson, measured: Mapping[str, Any], tested: Samples) -> dict[str, Any]:
    """Return what is in metrics.json."""
    samples, settings = lesson.samples, asdict(lesson.settings)
    people = settings.pop("people")
    settings["nothing"] = str(settings["nothing"] or "")
    if not any(material.segments for material in lesson.dataset.materials):
        del settings["between"]
    return {
        "name": name,
        "base": lesson.base.name,
        "backend": lesson.backend,
        "labels": samples.labels,
        "frames": lesson.frames,
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
            **settings,
            **(people if lesson.base.kind == "sequence" else {}),
            "dataset": str(lesson.dataset.path),
        },
        "versions": {name: version_of(name) for name in ("har_ros", "numpy", "scikit-learn", "onnx", "openvino")},
    }


def read(
    embedder: Embedder, dataset: Dataset, console: Console, watch: Watch = nobody, workers: Workers = HERE
) -> tuple[dict[Path, list[Windows]], list[str]]:
    """Return the windows of each recording, and a sentence for each that cannot be used.

    workers: who look at those that are not in the cache.
    """
    windows: dict[Path, list[Windows]] = {}
    left_out: list[str] = []
    paths = list(dict.fromkeys(material.path for material in dataset.materials))
    cached = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(LOOKING, total=len(paths))

        def show(number: int) -> None:
            progress.update(task, completed=number)
            watch(LOOKING, number, len(paths))

        show(0)
        made = look_elsewhere(embedder, paths, workers, show)
        computed = embedder.computed
        for number, (path, found) in enumerate(embed(embedder, paths, failed=made), 1):
            show(max(number, len(made)))
            if isinstance(found, HarError):
                left_out.append(str(found))
                say(console, f"left out: {found}")
            else:
                windows[path] = found
                cached += embedder.computed == computed and path not in made
            computed = embedder.computed
    say(console, f"{counted(len(windows), 'recording')}, {cached} of which in the cache")
    if not windows:
        raise ConfigurationError(f"no recording of {dataset.path} can be used; the first: {left_out[0]}")
    return windows, left_out

"""From a dataset to a taught network: embeddings, head, figures, folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from har_ros.backends import BackendSettings
from har_ros.card import NetworkFile
from har_ros.errors import ConfigurationError, HarError
from har_ros.evaluate import results
from har_ros.evaluate.batch import PLAIN
from har_ros.evaluate.job import version_of
from har_ros.evaluate.truth import NONE
from har_ros.models.locate import find_model
from har_ros.teach import head as heads
from har_ros.teach import validate as validation
from har_ros.teach.dataset import Dataset
from har_ros.teach.duplicates import Pair, joined, near_duplicates
from har_ros.teach.embed import Embedder, Windows, embed
from har_ros.teach.graph import LOGITS, taught_network
from har_ros.teach.head import Floats
from har_ros.teach.model import (
    CLIPS,
    METRICS,
    NETWORK,
    REPORT,
    check_output,
    taught_card,
    write_model,
    write_network,
)
from har_ros.teach.report import write_report
from har_ros.teach.samples import Samples, gather
from har_ros.teach.validate import Validation

ENOUGH_GROUPS = 5
"""Groups of a class below which its figures hang on few sources."""


@dataclass(frozen=True)
class Settings:
    """model: whose embeddings. frames: of a window, 0 as its card says. mirror: teach with mirror images, too.

    background: let what lies between segments be the class "none".
    """

    model: str
    frames: int = 0
    mirror: bool = True
    background: bool = True


def teach(
    dataset: Dataset, folder: Path, settings: Settings, backend: BackendSettings, overwrite: bool, console: Console
) -> dict[str, Any]:
    """Write the taught network and its report. Returns what is in metrics.json. Raises HarError.

    KeyboardInterrupt leaves nothing behind but the embeddings so far, in the cache.
    """
    check_output(folder, overwrite)
    with Embedder(find_model(settings.model), backend, settings.frames, settings.mirror) as embedder:
        windows, left_out = read(embedder, dataset, console)
        samples = gather(dataset.materials, windows, settings.background)
        pairs = near_duplicates(samples)
        samples, given = joined(samples, pairs), samples
        if not heads.folds(samples.classes, samples.groups):
            raise ConfigurationError(
                f"near-duplicates make one group of all clips of a class, such as: {pair_in_words(given, pairs[0])}"
            )
        with told(console) as tell:
            checked = validation.validate(samples, tell)
            measured = _measured(samples, checked, tell)
            tell("the network")
            strength = heads.choose_strength(samples, np.arange(len(samples.examples)))
            fitted = heads.fit(samples, np.arange(len(samples.examples)), strength)
            head = heads.head_of(fitted).cooled(checked.temperature)
        frames, backend_name = embedder.network.length, embedder.network.backend.name
        network = taught_network(embedder.prepared, head.weights.astype(np.float32), head.bias.astype(np.float32))
        base, input_blob = embedder.card, embedder.prepared.input_blob
    description = f"{', '.join(samples.labels)}: taught on top of {base.name} with {len(samples.examples)} clips"
    file = NetworkFile(NETWORK, input_blob, LOGITS, embedding=base.network.embedding if base.network else None)
    card = taught_card(base, folder.name, samples.labels, frames, file, description)
    metrics = {
        "name": card.name,
        "base": base.name,
        "backend": backend_name,
        "labels": samples.labels,
        "frames": frames,
        "clips": len(samples.examples),
        "windows": len(samples.example),
        "groups": len(np.unique(samples.groups)),
        "grouping": dataset.grouping,
        "folds": len(checked.folds),
        **measured,
        "advice": advice(measured),
        "duplicates": [_told(given, pair) for pair in pairs],
        "left_out": left_out,
        "settings": {
            "regularisation (C)": strength,
            "C in the folds": ", ".join(f"{one:g}" for one in checked.strengths),
            "temperature": round(checked.temperature, 4),
            **asdict(settings),
            "dataset": str(dataset.path),
        },
        "versions": {name: version_of(name) for name in ("har_ros", "numpy", "scikit-learn", "onnx", "openvino")},
    }

    def fill(place: Path) -> None:
        write_network(place, card, network, samples.labels)
        results.write_json(place / METRICS, metrics)
        _write_clips(place / CLIPS, samples, checked.probabilities)
        write_report(place / REPORT, metrics, samples, checked.probabilities)

    write_model(folder, fill)
    return metrics


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
    if not windows:
        raise ConfigurationError(f"no recording of {dataset.path} can be used; see above")
    return windows, left_out


@contextmanager
def told(console: Console) -> Iterator[validation.Tell]:
    """Lend what shows the work that is being done."""
    with console.status("cross-validation") as status:
        yield lambda what: status.update(what)


def _measured(samples: Samples, checked: Validation, tell: validation.Tell) -> dict[str, Any]:
    return {
        "figures": validation.figures(samples, checked.probabilities),
        "calibration": validation.calibration(samples, checked.probabilities),
        "uncalibrated_error": validation.calibration(samples, checked.raw)["error"],
        "learning_curve": validation.learning_curve(samples, checked, tell),
        "gains": validation.gains(samples, checked, tell),
    }


def advice(measured: Mapping[str, Any]) -> list[str]:
    """Return what would help most, in sentences."""
    texts = []
    for row in measured["gains"][:2]:
        if row["cost_of_half"] > 0.005:
            texts.append(
                f"More clips of {row['label']}: half of those that there are cost {row['cost_of_half']:.3f} of F1."
            )
    curve = measured["learning_curve"]
    if len(curve) > 1:
        gain = curve[-1]["accuracy"]["value"] - curve[-2]["accuracy"]["value"]
        sizes = f"from {curve[-2]['clips_per_class']} to {curve[-1]['clips_per_class']} clips per class"
        if gain > 0.01:
            texts.append(f"More clips of all classes: {sizes}, accuracy rose by {gain:.3f}, and may rise further.")
    few = [row["label"] for row in measured["figures"]["classes"] if row["groups"] < ENOUGH_GROUPS]
    if few:
        texts.append(f"Clips of other sources or people, for {', '.join(few)}: there are fewer than {ENOUGH_GROUPS}.")
    if NONE not in [row["label"] for row in measured["figures"]["classes"]]:
        texts.append(f"A class {NONE} with anything else, or every window is one of these classes.")
    return texts


def pair_in_words(samples: Samples, pair: Pair) -> str:
    """Say in a sentence what two near-duplicates mean."""
    one, other = samples.examples[pair.one], samples.examples[pair.other]
    text = f"{one.name} and {other.name} are near-duplicates" + (", mirrored" if pair.mirrored else "")
    if one.label != other.label:
        names = f"{samples.labels[one.label]} and {samples.labels[other.label]}"
        return f"{text} in two classes, {names}; remove one of them"
    if one.group != other.group:
        return f"{text} in two groups, {one.group} and {other.group}, which are taken as one; remove one of them"
    return f"{text}; remove one of them"


def _told(samples: Samples, pair: Pair) -> dict[str, Any]:
    one, other = samples.examples[pair.one], samples.examples[pair.other]
    return {
        "across_groups": one.group != other.group,
        "across_classes": one.label != other.label,
        "text": pair_in_words(samples, pair),
    }


def _write_clips(path: Path, samples: Samples, probabilities: Floats) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "group", "label", "said", *samples.labels])
        for example, row in zip(samples.examples, probabilities, strict=True):
            names = (samples.labels[example.label], samples.labels[int(row.argmax())])
            writer.writerow([example.name, example.group, *names, *(f"{value:.4f}" for value in row)])

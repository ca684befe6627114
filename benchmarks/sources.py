"""Whether teaching's own estimate holds for clips of sources that were not taught with.

python benchmarks/sources.py FOLDER, a folder of class folders with a sources.csv

As many sources as --taught says are drawn and taught with, again and again; the clips of all others say what is true.
As in a network that teach makes, what is unlike the taught clips is none, and then wrong. The same clips are also
grouped by neighbours, as they are without a sources.csv.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.stats import t
from threadpoolctl import threadpool_limits

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError
from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.dataset import by_class, load_dataset, neighbours
from har_ros.learning.embedders import Settings, open_embedder
from har_ros.learning.lesson import read
from har_ros.learning.samples import Samples, gather, only
from har_ros.teach.teach import fitted
from har_ros.truth.segments import NONE


def main() -> None:
    """Print estimates for each number of sources and both groupings, what is true, and how often intervals hold it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="i3d-kinetics-400")
    parser.add_argument("--taught", type=int, nargs="+", default=[6, 12, 19], metavar="SOURCES")
    parser.add_argument("--draws", type=int, default=40)
    options = parser.parse_args()
    dataset = load_dataset(options.folder)
    console = Console(stderr=True)
    with open_embedder(Settings(options.model), BackendSettings()) as embedder:
        seen, _ = read(embedder, dataset, console)
    samples = gather(dataset.materials, seen, True)
    if NONE not in samples.labels:
        samples = replace(samples, labels=(*samples.labels, NONE))
    near = {material.name: material.group for own in by_class(dataset.materials) for material in neighbours(own)}
    blocks = np.array([near[example.name] for example in samples.examples])
    for sources in options.taught:
        rng = np.random.default_rng(sources)
        rows: list[tuple[list[float], list[float]]] = []
        for _ in track(range(options.draws), f"{sources} sources", console=console):
            chosen = np.isin(samples.groups, rng.permutation(np.unique(samples.groups))[:sources])
            by_source = estimate(samples, chosen, samples.groups)
            by_block = estimate(samples, chosen, blocks)
            if by_source and by_block:
                rows.append((by_source, by_block))
        for name, number in (("sources", 0), ("neighbours", 1)):
            print(f"{sources:3d} sources, grouped by {name:10}: {summary(np.array([row[number] for row in rows]))}")


def estimate(samples: Samples, chosen: NDArray[np.bool_], groups: NDArray[np.str_]) -> list[float]:
    """Return the estimate, the ends of its interval, and the accuracy on the other clips; [] if it is refused."""
    taught = only(samples, np.flatnonzero(chosen))
    own = groups[chosen].tolist()
    taught = replace(
        taught, examples=tuple(replace(one, group=group) for one, group in zip(taught.examples, own, strict=True))
    )
    if len(np.unique(taught.classes)) < 2 or not heads.folds(taught.classes, taught.groups):
        return []
    with threadpool_limits(1):
        accuracy = validation.figures(taught, validation.validate(taught).probabilities)["accuracy"]
        head, _ = fitted(taught)
    others = only(samples, np.flatnonzero(~chosen))
    said = heads.by_example(others, head.logits(others.embeddings[:, 0])).argmax(axis=1)
    return [accuracy["value"], accuracy["low"], accuracy["high"], float(np.mean(said == others.classes))]


def summary(rows: NDArray[np.float64]) -> str:
    """Say in a line what some draws gave."""
    if len(rows) < 2:
        raise ConfigurationError("too few of the draws can be taught with; draw more sources")
    value, low, high, true = rows.T
    differences = value - true
    half = t.ppf(0.975, len(rows) - 1) * differences.std(ddof=1) / len(rows) ** 0.5
    held = np.mean((low <= true) & (true <= high))
    return (
        f"estimate {value.mean():.3f}, held out {true.mean():.3f}, difference {differences.mean():+.3f} "
        f"({differences.mean() - half:+.3f} to {differences.mean() + half:+.3f}); held by {held:.2f} of {len(rows)} "
        f"intervals, {np.mean(high - low):.2f} wide"
    )


if __name__ == "__main__":
    main()

"""Whether one head on images and skeletons of the same windows is better than a head on either, in held-out groups.

python benchmarks/fuse.py DATASET, a folder as for `actionnet teach`, such as fights
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from har_ros.backends.backend import BackendSettings
from har_ros.learning.dataset import load_dataset
from har_ros.learning.duplicates import joined, near_duplicates
from har_ros.learning.embed import Windows
from har_ros.learning.embed_people import PeopleSettings
from har_ros.learning.embedders import Settings, open_embedder
from har_ros.learning.lesson import read
from har_ros.learning.samples import Samples, gather
from har_ros.learning.validate import figures, log_loss, validate

IMAGES, SKELETONS = "i3d-kinetics-400", "everyday-14"
SHARED = 0.3
"""Of the shorter of two windows, which they share at least to be of the same moment."""


def main() -> None:
    """Print accuracy and log loss of the three, with their intervals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    dataset, console = load_dataset(parser.parse_args().dataset, "", "", {}), Console()
    with open_embedder(Settings(IMAGES), BackendSettings()) as embedder:
        images, _ = read(embedder, dataset, console)
    with open_embedder(Settings(SKELETONS, people=PeopleSettings("all")), BackendSettings()) as embedder:
        people, _ = read(embedder, dataset, console)
    given = gather(dataset.materials, images, background=True)
    samples = joined(given, near_duplicates(given))
    seen = [row for path, found in images.items() for windows in found for row in pooled(windows, people.get(path, ()))]
    size = max(len(row[0]) for row in seen)
    skeletons = np.stack([row if row.size else np.zeros((len(row), size), np.float32) for row in seen])
    both = np.concatenate([samples.embeddings, skeletons], axis=2)
    table = Table("head on", "accuracy", "log loss, nats")
    with threadpool_limits(1):
        for name, embeddings in {"images": samples.embeddings, "skeletons": skeletons, "both": both}.items():
            table.add_row(name, *judged(replace(samples, embeddings=embeddings)))
    console.print(f"{np.any(skeletons, axis=(1, 2)).sum()} of {len(skeletons)} windows show people", table)


def pooled(windows: Windows, people: Sequence[Windows]) -> list[NDArray[np.float32]]:
    """Return for each window views×(2D+1): mean and maximum of everybody's embeddings meanwhile, and a one.

    Views×0 where nobody is seen.
    """
    rows = []
    for start, end in zip(windows.start, windows.end, strict=True):
        own = [one.embeddings[_meanwhile(one, start, end)] for one in people]
        together = np.concatenate(own) if own else np.zeros((0, 0, 0), np.float32)
        views = windows.embeddings.shape[1]
        if len(together):
            one = np.ones((views, 1), np.float32)
            rows.append(np.concatenate([together.mean(axis=0), together.max(axis=0), one], axis=1))
        else:
            rows.append(np.zeros((views, 0), np.float32))
    return rows


def _meanwhile(windows: Windows, start: int, end: int) -> NDArray[np.bool_]:
    shared = np.minimum(windows.end, end) - np.maximum(windows.start, start)
    return np.asarray(shared > SHARED * np.minimum(windows.end - windows.start, end - start))


def judged(samples: Samples) -> list[str]:
    """Return accuracy and log loss in words."""
    probabilities = validate(samples).probabilities
    found = (figures(samples, probabilities)["accuracy"], log_loss(samples, probabilities))
    return [f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in found]


if __name__ == "__main__":
    main()

"""Which score tells what is unlike the taught clips: `python benchmarks/likeness.py DATA`.

DATA has falls/ (GMDCSA24), and folders of other videos, given by --elsewhere. Falling and lying of two people are what
was taught; at the limit that leaves 95 % of the third one's windows, the share of other windows that is rejected.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from falls import read
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from har_ros.backends.backend import BackendSettings
from har_ros.errors import HarError
from har_ros.graphs.rejection import LOSS
from har_ros.learning.background import SHIPPED, read_background
from har_ros.learning.embed import Embedder, Windows, embed
from har_ros.learning.embed_people import PeopleEmbedder
from har_ros.models.locate import find_model

Rows = NDArray[np.float64]
NETWORK, SECOND = "everyday-14", 1e9


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--elsewhere", type=Path, nargs="*", default=[], help="folders of videos")
    options = parser.parse_args()
    model = find_model(NETWORK)
    falls = [segment for segment in read(options.data / "falls" / "segments.csv") if segment.falls]
    with PeopleEmbedder(model, BackendSettings()) as embedder:
        taught: dict[str, list[Rows]] = {}
        for fall in falls:
            for seen in _windows(embedder, [options.data / "falls" / fall.video]):
                start, end = ((stamps - seen.first) / SECOND for stamps in (seen.start, seen.end))
                shown = np.minimum(end, fall.end) - np.maximum(start, fall.start) >= (end - start) / 2
                taught.setdefault(fall.subject, []).append(seen.embeddings[shown].astype(np.float64))
        world = read_background(SHIPPED / f"{NETWORK}.npz", model, model.card.window.frames, 1024)
        others = {"background": world.embeddings.astype(np.float64)}
        for folder in options.elsewhere:
            found = [seen.embeddings[:, 0] for seen in _windows(embedder, sorted(folder.rglob("*.mp4")))]
            others[folder.name] = np.concatenate(found).astype(np.float64)
    table = Table("score", *others)
    for name, score in SCORES.items():
        own: list[Rows] = []
        far: dict[str, list[Rows]] = {other: [] for other in others}
        for subject in taught:
            rows = np.concatenate([one.reshape(-1, one.shape[-1]) for s in taught if s != subject for one in taught[s]])
            measure = score(rows)
            own.append(measure(np.concatenate(taught[subject])[:, 0]))
            for other, embeddings in others.items():
                far[other].append(measure(embeddings))
        limit = np.quantile(np.concatenate(own), 1 - LOSS)
        table.add_row(name, *(f"{np.mean(np.concatenate(one) > limit):.2f}" for one in far.values()))
    Console().print(table)


def _windows(embedder: Embedder, paths: list[Path]) -> list[Windows]:
    found = [seen for _, seen in embed(embedder, paths, everybody=True)]
    return [windows for seen in found if not isinstance(seen, HarError) for windows in seen]


Score = Callable[[Rows], Callable[[Rows], Rows]]
"""Rows that were taught → what gives each of other rows a distance."""


def euclidean(rows: Rows) -> Callable[[Rows], Rows]:
    """Return the distance to the nearest row."""
    squares = np.square(rows).sum(axis=1)
    return lambda other: np.asarray((np.square(other).sum(axis=1)[:, None] - 2 * other @ rows.T + squares).min(axis=1))


def cosine(rows: Rows) -> Callable[[Rows], Rows]:
    """Return the negative cosine to the nearest row."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return lambda other: np.asarray(-(other @ units.T).max(axis=1) / np.linalg.norm(other, axis=1))


def mahalanobis(rows: Rows) -> Callable[[Rows], Rows]:
    """Return Mahalanobis' distance to the middle of the rows, with Ledoit and Wolf's covariance."""
    fitted = LedoitWolf().fit(rows)
    return lambda other: np.asarray(fitted.mahalanobis(other))


def standardised(score: Score) -> Score:
    """Return a score of standardised numbers."""

    def fit(rows: Rows) -> Callable[[Rows], Rows]:
        scaler = StandardScaler().fit(rows)
        measure = score(scaler.transform(rows))
        return lambda other: measure(scaler.transform(other))

    return fit


SCORES: dict[str, Score] = {
    "Euclidean distance to the nearest window": euclidean,
    "Euclidean distance, standardised": standardised(euclidean),
    "cosine to the nearest window": cosine,
    "cosine, standardised": standardised(cosine),
    "Mahalanobis' distance": standardised(mahalanobis),
}


if __name__ == "__main__":
    main()

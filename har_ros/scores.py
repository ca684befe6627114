"""Probabilities → what the network saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ModelError


@dataclass(frozen=True)
class Hypothesis:
    """One class and its probability in [0, 1]."""

    label: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """The best classes of one window, best first, and the threshold below which they do not count."""

    hypotheses: tuple[Hypothesis, ...]
    threshold: float

    @property
    def accepted(self) -> tuple[Hypothesis, ...]:
        """The hypotheses that reach the threshold; empty when nothing was recognised."""
        return tuple(hypothesis for hypothesis in self.hypotheses if hypothesis.score >= self.threshold)


def predict(probabilities: NDArray[Any], labels: Sequence[str], top_k: int, threshold: float) -> Prediction:
    """Rank the classes of one window, which has a probability for each label; equal ones keep the labels' order.

    Raises ModelError if they are not finite.
    """
    if not np.isfinite(probabilities).all():
        raise ModelError("the network's output is not finite (NaN or infinity); try another precision or model file")
    best = np.argsort(-probabilities, kind="stable")[:top_k]
    return Prediction(tuple(Hypothesis(labels[i], float(probabilities[i])) for i in best), threshold)


def unique_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels with a suffix on repeated ones ("run", "run (2)"), so that each names one class."""
    taken = set(labels)
    seen: set[str] = set()
    unique = []
    for label in labels:
        name, number = label, 2
        while name in seen or (name != label and name in taken):
            name, number = f"{label} ({number})", number + 1
        seen.add(name)
        unique.append(name)
    return tuple(unique)

"""From probabilities to ranked classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError, ModelError
from har_ros.files.text import similar
from har_ros.frames.window import Clip

NOT_FINITE = "the network's output is not finite (NaN or infinity); try another precision or model file"


@dataclass(frozen=True)
class Hypothesis:
    """One class and its probability in [0, 1]."""

    label: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """The best classes of one window, best first, and the threshold below which they do not count.

    evidence: of each label of the network, in their order, float64: the scores of which the best are hypotheses, 0 for
    labels that are not allowed. Empty where there was no window.
    """

    hypotheses: tuple[Hypothesis, ...]
    threshold: float
    evidence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), compare=False, repr=False)

    @property
    def accepted(self) -> tuple[Hypothesis, ...]:
        """The hypotheses that reach the threshold; empty when nothing was recognised."""
        return tuple(hypothesis for hypothesis in self.hypotheses if hypothesis.score >= self.threshold)


@dataclass(frozen=True)
class ScoreSettings:
    """How a window's probabilities become ranked classes.

    top_k: maximum number of hypotheses. threshold: minimum probability of a hypothesis that counts.
    smoothing: time constant in seconds of the average over earlier windows, 0 none.
    hysteresis: by how much another class must exceed the one that leads before it takes the lead.
    allowed_labels: the only classes that are reported, empty for all.
    """

    top_k: int = 5
    threshold: float = 0.01
    smoothing: float = 0.0
    hysteresis: float = 0.0
    allowed_labels: tuple[str, ...] = ()


class Scores:
    """Ranks the classes of one camera's windows, taking earlier ones into account."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._labels = labels
        self._average: NDArray[np.float64] | None = None
        self._leader: int | None = None
        self._end = 0
        self._restarts = 0

    def predict(self, probabilities: NDArray[Any], clip: Clip, settings: ScoreSettings) -> Prediction:
        """Rank the classes of a window, which has a probability for each label; equal ones keep the labels' order.

        Earlier windows count until the camera's window begins again.
        Raises ModelError if a probability is not finite; that window then has no effect.
        """
        if not np.isfinite(probabilities).all():
            raise ModelError(NOT_FINITE)
        if clip.restarts != self._restarts:
            self._average, self._leader, self._restarts = None, None, clip.restarts
        scores = self._smoothed(probabilities, clip, settings.smoothing)
        ranked = np.argsort(-scores, kind="stable")
        evidence = np.array(scores, np.float64)
        if settings.allowed_labels:
            allowed = _allowed(self._labels, settings.allowed_labels)
            ranked, evidence = ranked[allowed[ranked]], evidence * allowed
        best = self._led(ranked.tolist(), scores, settings)[: settings.top_k]
        hypotheses = tuple(Hypothesis(self._labels[i], float(scores[i])) for i in best)
        return Prediction(hypotheses, settings.threshold, evidence)

    def _smoothed(self, probabilities: NDArray[Any], clip: Clip, time_constant: float) -> NDArray[Any]:
        """Average exponentially over windows at any spacing: the past has the weight exp(-dt / time constant).

        What the average was at the last window, it was until the windows that were left out ended.
        """
        if time_constant <= 0:
            self._average = None
            return probabilities
        fresh = probabilities.astype(np.float64)
        if self._average is None:
            self._average = fresh
        else:
            past = math.exp(-max(0, clip.end - max(self._end, clip.held or 0)) / 1e9 / time_constant)
            self._average = past * self._average + (1 - past) * fresh
        self._end = clip.end
        return self._average

    def _led(self, ranked: list[int], scores: NDArray[Any], settings: ScoreSettings) -> list[int]:
        """Put the class that led before first, unless it fell below the threshold or another exceeds it by enough."""
        led = self._leader
        if (
            led in ranked
            and scores[led] >= settings.threshold
            and scores[ranked[0]] - scores[led] < settings.hysteresis
        ):
            ranked = [led, *(i for i in ranked if i != led)]
        self._leader = ranked[0] if scores[ranked[0]] >= settings.threshold else None
        return ranked


def check_allowed(allowed: Sequence[str], labels: Sequence[str]) -> None:
    """Raise ConfigurationError when a label is not one of the network's."""
    for label in allowed:
        if label not in labels:
            alike = similar(label, labels)
            raise ConfigurationError(f"allowed label {label!r} is no class of this network; give one that is{alike}")


@lru_cache(maxsize=8)
def _allowed(labels: tuple[str, ...], allowed: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.isin(labels, allowed)

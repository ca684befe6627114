"""The last layer: standardisation and multinomial logistic regression by scikit-learn, and its temperature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from har_ros.graphs.rejection import Rejection
from har_ros.learning.samples import Samples
from har_ros.stats.metrics import Floats, Ints

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""scikit-learn's C, from which cross-validation chooses: the inverse of the regularisation's strength."""
USUAL_STRENGTH = 1e-2
"""Where there are too few groups to choose."""
SPREAD = 0.25
"""Of the logarithm of the temperature of logits whose strength was chosen by their own log loss, which is near 1."""
FOLDS, INNER_FOLDS = 10, 5
"""Of the figures, and of the choice within each; fewer where a class has fewer groups."""
ITERATIONS = 1000
ABSENT = -100.0
"""The logit of a class that nothing was taught of."""
Fold = tuple[Ints, Ints]
"""Numbers of the examples to teach with, and to test with."""


@dataclass(frozen=True)
class Head:
    """logits = embedding @ weights + bias. weights: D×C, bias: C; float64. rejection: what is applied to them then."""

    weights: Floats
    bias: Floats
    rejection: Rejection | None = None

    def logits(self, embeddings: NDArray[np.float32]) -> Floats:
        """Return n×C logits of n×D embeddings."""
        linear = np.asarray(embeddings @ self.weights + self.bias, np.float64)
        return linear if self.rejection is None else self.rejection.applied(linear, embeddings)

    def cooled(self, temperature: float) -> Head:
        """Return the head whose linear layer's logits are divided by the temperature."""
        return replace(self, weights=self.weights / temperature, bias=self.bias / temperature)

    def widened(self, count: int) -> Head:
        """Return the head with further classes, up to so many, which are never said."""
        more = count - len(self.bias)
        weights = np.pad(self.weights, ((0, 0), (0, more)))
        return replace(self, weights=weights, bias=np.pad(self.bias, (0, more), constant_values=ABSENT))

    def rounded(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return weights and bias as a network has them."""
        return self.weights.astype(np.float32), self.bias.astype(np.float32)


def folds(classes: Ints, groups: NDArray[np.str_], most: int = FOLDS) -> list[Fold]:
    """Divide examples so that no group is on both sides, and every class is taught in each fold.

    Empty when that cannot be: a class is in one group only. classes, groups: of each example.
    """
    count = len(np.unique(classes))
    fewest = min(len(np.unique(groups[classes == label])) for label in np.unique(classes))
    if fewest < 2:
        return []
    dummy = np.zeros(len(classes))
    for splitter in (StratifiedGroupKFold(min(most, fewest)), LeaveOneGroupOut()):
        found = [(train, test) for train, test in splitter.split(dummy, classes, groups) if len(test)]
        if all(len(np.unique(classes[train])) == count for train, _ in found):
            return found
    return []


def fits(samples: Samples, examples: Ints, strengths: Sequence[float]) -> list[Head]:
    """Return scikit-learn's standardisation and logistic regression of each strength, fitted to these examples.

    All classes weigh the same, within a class all examples, within an example all windows and views. Each fit begins
    where the one before ended, so the strengths should ascend. The background weighs as much as the other examples of
    none, or as a class where there are none; a class without any is never said.
    """
    taken, weight = _weights(samples, examples)
    views = samples.embeddings.shape[1]
    rows: Floats = samples.embeddings[taken].reshape(-1, samples.embeddings.shape[-1]).astype(np.float64)
    classes = np.repeat(samples.classes[samples.example[taken]], views)
    weight = np.repeat(weight / views, views)
    scaler = StandardScaler().fit(rows, sample_weight=weight)
    if len(samples.background):
        rows = np.concatenate([rows, samples.background])
        classes, weight = _with_background(classes, weight, len(samples.labels) - 1, len(samples.background))
    basis, coordinates = _row_space(scaler.transform(rows))
    regression = LogisticRegression(max_iter=ITERATIONS, solver="newton-cg", warm_start=True)
    return [
        _head(scaler, basis, regression.set_params(C=strength).fit(coordinates, classes, weight), len(samples.labels))
        for strength in strengths
    ]


def _with_background(classes: Ints, weight: Floats, none: int, count: int) -> tuple[Ints, Floats]:
    """Return class and weight of rows and of so many of the background, which halve what the class none weighs."""
    own = classes == none
    share = weight[own].sum() / 2 if own.any() else weight.sum() / len(np.unique(classes))
    halved = np.where(own, weight / 2, weight)
    return np.append(classes, np.full(count, none)), np.append(halved, np.full(count, share / count))


def _row_space(rows: Floats) -> tuple[Floats, Floats]:
    """Return an orthonormal basis (D×r) of what the rows (n×D) span, and the rows in it (n×r).

    The weights of a regularised regression lie in it (representer theorem), so few rows need few coordinates.
    """
    if 2 * len(rows) > rows.shape[1]:  # where they need as many, finding them costs more than it saves
        return np.eye(rows.shape[1]), rows
    squares, vectors = eigh(rows @ rows.T)
    kept = squares > squares[-1] * 1e-10
    lengths = np.sqrt(squares[kept])
    return rows.T @ (vectors[:, kept] / lengths), vectors[:, kept] * lengths


def _weights(samples: Samples, examples: Ints) -> tuple[Ints, Floats]:
    """Return the windows of these examples, and the weight of each; they add up to the number of examples."""
    classes = samples.classes
    chosen = np.zeros(len(classes), bool)
    chosen[examples] = True
    taken = np.flatnonzero(chosen[samples.example])
    windows = np.bincount(samples.example, minlength=len(classes))
    present = np.bincount(classes[examples])
    share = len(examples) / np.count_nonzero(present) / present[classes[samples.example[taken]]]
    return taken, share / windows[samples.example[taken]]


def _head(scaler: StandardScaler, basis: Floats, regression: LogisticRegression, count: int) -> Head:
    """Return the one linear layer that does what the two do; each of `count` classes has a column."""
    weights = basis @ regression.coef_.T / scaler.scale_[:, None]
    bias = regression.intercept_ - scaler.mean_ @ weights
    if weights.shape[1] == 1:  # scikit-learn's logit of the second class against the first
        weights, bias = np.concatenate([-weights, weights], axis=1) / 2, np.concatenate([-bias, bias]) / 2
    every = Head(np.zeros((len(weights), count)), np.full(count, ABSENT))
    every.weights[:, regression.classes_], every.bias[regression.classes_] = weights, bias
    return every


def held_out_logits(samples: Samples, divided: list[Fold], strengths: Sequence[float]) -> Floats:
    """Return the logits of all windows for each strength, S×n×C, each by a head that was fitted without its fold."""
    logits = np.full((len(strengths), len(samples.example), len(samples.labels)), np.nan)
    for train, test in divided:
        windows = np.isin(samples.example, test)
        for number, head in enumerate(fits(samples, train, strengths)):
            logits[number, windows] = head.logits(samples.embeddings[windows, 0])
    return logits


@dataclass(frozen=True)
class Choice:
    """strength: scikit-learn's C. temperature: what its logits are to be divided by."""

    strength: float
    temperature: float


def choose(samples: Samples, examples: Ints) -> Choice:
    """Return the one of STRENGTHS with the least cross-validated loss among these examples, all classes alike.

    The temperature is that of the held-out logits of this strength: those of another are of another size.
    The usual where there are too few groups.
    """
    divided = folds(samples.classes[examples], samples.groups[examples], INNER_FOLDS)
    if not divided:
        return Choice(USUAL_STRENGTH, 1.0)
    taken, weight = _weights(samples, examples)
    classes = samples.classes[samples.example[taken]]
    inner = [(examples[train], examples[test]) for train, test in divided]
    logits = held_out_logits(samples, inner, STRENGTHS)[:, taken]
    best = int(np.argmin([_loss(one, classes, weight) for one in logits]))
    return Choice(STRENGTHS[best], temperature(logits[best], classes, weight, SPREAD))


def _loss(logits: Floats, classes: Ints, weights: Floats) -> float:
    """Return the sum of the rows' log losses (nats)."""
    return float(-(weights * log_softmax(logits, axis=1)[np.arange(len(classes)), classes]).sum())


def temperature(logits: Floats, classes: Ints, weights: Floats, spread: float = 1.0) -> float:
    """Return what logits are to be divided by so that their softmax is calibrated: the least log loss.

    Guo et al., On Calibration of Modern Neural Networks (ICML 2017). logits: n×C. weights: of each row; they add up to
    the number of clips. spread: standard deviation of the normal prior of the logarithm, which keeps a few clips that
    are all right from certainty.
    """

    def loss(log_temperature: float) -> float:
        return _loss(logits / np.exp(log_temperature), classes, weights) + (log_temperature / spread) ** 2 / 2

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def temperature_of(samples: Samples, logits: Floats, examples: Iterator[int] | Ints) -> float:
    """Return the temperature of held-out logits of these examples, each of which weighs the same."""
    taken = np.isin(samples.example, list(examples))
    windows = np.bincount(samples.example)[samples.example[taken]]
    return temperature(logits[taken], samples.classes[samples.example[taken]], 1.0 / windows)


def by_example(samples: Samples, logits: Floats) -> Floats:
    """Return the mean probabilities of each example's windows, m×C."""
    sums = np.zeros((len(samples.examples), logits.shape[1]))
    np.add.at(sums, samples.example, softmax(logits, axis=1))
    return np.asarray(sums / np.bincount(samples.example)[:, None])

"""How good a head is: everything is said of clips whose groups it was not taught with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from har_ros.frames.sampling import SECOND
from har_ros.learning import head as heads
from har_ros.learning.head import Choice, Fold
from har_ros.learning.likeness import fit_rejection
from har_ros.learning.samples import Samples
from har_ros.stats import metrics
from har_ros.stats.intervals import Bootstrap, interval, rate
from har_ros.stats.metrics import Floats, Ints
from har_ros.truth.segments import NONE
from har_ros.workers.workers import HERE, Do, Work, Workers

REPEATS = 5
MOST_CLASSES, FEW_CLASSES = 10, 3
"""For which it is tried what half of the clips would do; REPEATS times only for few, since it takes time."""
Notify = Callable[[str], None]
"""Called with what is being done."""


@dataclass(frozen=True)
class Validation:
    """What cross-validation said of each of m examples.

    folds: as examples were divided. choices: made in each, without its test clips. logits: of all windows, before
    calibration. probabilities: m×C, calibrated without the example's own fold, and with what is unlike the rest
    rejected. calibrated: before it was rejected. raw: before both.
    """

    folds: list[Fold]
    choices: list[Choice]
    logits: Floats
    probabilities: Floats
    calibrated: Floats
    raw: Floats


def validate(samples: Samples, notify: Notify = lambda what: None, workers: Workers = HERE) -> Validation:
    """Cross-validate by groups. Strength and temperature are chosen in each fold without what they are tested on.

    workers: who do the folds.
    """
    divided = heads.folds(samples.classes, samples.groups)
    found: list[_Held | None] = [None] * len(divided)

    def say() -> None:
        if left := found.count(None):
            notify(f"cross-validation, fold {len(divided) - left + 1} of {len(divided)}")

    def take(number: int, held: _Held) -> None:
        found[number] = held
        say()

    say()
    workers.run(_Folds(replace(samples, looks=samples.looks[:, :0])), divided, take, lambda _: None)
    choices = []
    logits = np.full((len(samples.example), len(samples.labels)), np.nan)
    cooled, said = np.array(logits), np.array(logits)
    for (_, test), held in zip(divided, found, strict=True):
        if held is not None:
            windows = np.isin(samples.example, test)
            choices.append(held.choice)
            logits[windows], said[windows] = held.logits, held.said
            cooled[windows] = held.logits / held.choice.temperature
    return Validation(divided, choices, logits, *(heads.by_example(samples, one) for one in (said, cooled, logits)))


@dataclass(frozen=True)
class _Held:
    """What is said in a fold of the windows that it is tested on, w×C: before calibration, and as the network does."""

    choice: Choice
    logits: Floats
    said: Floats


@dataclass(frozen=True)
class _Folds(Work[Fold, _Held]):
    """Teaches the samples of one side of each fold, and tests those of the other."""

    samples: Samples

    def called(self, piece: Fold) -> str:
        """Return what a sentence calls a piece."""
        return "a fold of the cross-validation"

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[Fold, _Held]]:
        """Lend what does a fold."""
        with threadpool_limits(1):  # for small matrices, more threads are slower
            yield lambda fold, report, stopped: self._held(*fold)

    def _held(self, train: Ints, test: Ints) -> _Held:
        samples = self.samples
        choice = heads.choose(samples, train)
        windows = np.isin(samples.example, test)
        [found] = heads.held_out_logits(samples, [(train, test)], [choice.strength])
        logits = found[windows]
        said = logits / choice.temperature
        if NONE in samples.labels:
            said = fit_rejection(samples, train).applied(said, samples.embeddings[windows, 0])
        return _Held(choice, logits, said)


def measures(samples: Samples, probabilities: Floats, calibrated: Floats, raw: Floats) -> dict[str, Any]:
    """Return what metrics.json has of held-out probabilities; arguments as in Validation.

    A rejected example's class has hardly any probability, and the temperature was fitted before. So log loss and
    calibration are of what was not rejected yet.
    """
    return {
        "figures": figures(samples, probabilities),
        "accuracy_before_rejection": accuracy(samples, calibrated.argmax(axis=1) == samples.classes),
        "log_loss": log_loss(samples, calibrated),
        "calibration": calibration(samples, calibrated),
        "uncalibrated_error": calibration(samples, raw)["error"],
    }


def figures(samples: Samples, probabilities: Floats) -> dict[str, Any]:
    """Return the figures, each with value, low and high: of all, and of each class; NaN for one without examples."""
    classes, count = samples.classes, len(samples.labels)
    said = probabilities.argmax(axis=1)
    groups = len(np.unique(samples.groups))
    right, predicted, true = (_sums(samples, one) for one in _one_hot(classes, said, count))
    columns = metrics.precision_recall_f1(right, predicted, true)
    precision, recall, f1 = (np.where(true > 0, one, np.nan) for one in columns)  # of a class without examples, none
    own = [len(np.unique(samples.groups[classes == number])) for number in range(count)]
    per_class = [
        {
            "label": label,
            "clips": int((classes == number).sum()),
            "groups": own[number],
            "windows": int((classes[samples.example] == number).sum()),
            "precision": _figure(precision[:, number], own[number]),
            "recall": _figure(recall[:, number], own[number]),
            "f1": _figure(f1[:, number], own[number]),
        }
        for number, label in enumerate(samples.labels)
    ]
    return {
        "accuracy": _figure(metrics.ratio(right.sum(axis=1), true.sum(axis=1)), groups),
        "macro_f1": _figure(metrics.macro(columns[2], true), groups),
        "macro_recall": _figure(metrics.macro(columns[1], true), groups),
        "false_alarms_per_hour": _false_alarms(samples, said),
        "classes": per_class,
        "confusion": metrics.confusion(np.eye(count, dtype=bool)[classes], said)[:count, :count].astype(int).tolist(),
    }


def calibration(samples: Samples, probabilities: Floats) -> dict[str, Any]:
    """Return the expected calibration error of the first answers, and the reliability by confidence."""
    right = probabilities.argmax(axis=1) == samples.classes
    confidence = probabilities.max(axis=1)
    count, mean, share = metrics.reliability(confidence, right)
    rows = [
        {"clips": int(n), "confidence": float(c), "right": float(s)} for n, c, s in zip(count, mean, share, strict=True)
    ]
    return {"error": metrics.calibration_error(confidence, right), "bins": [row for row in rows if row["clips"]]}


def log_loss(samples: Samples, probabilities: Floats) -> dict[str, float]:
    """Return the mean log loss (nats), all classes alike, as a figure; `guessing`: that of saying each class alike.

    Of the classes that there are clips of.
    """
    classes = samples.classes
    counts = np.bincount(classes)
    weights = 1 / counts[classes]
    losses = -np.log(np.maximum(probabilities[np.arange(len(classes)), classes], np.finfo(np.float32).tiny))
    figure = _figure(
        metrics.ratio(_sums(samples, weights * losses), _sums(samples, weights)), len(np.unique(samples.groups)), False
    )
    return {**figure, "guessing": float(np.log(np.count_nonzero(counts)))}


def gains(samples: Samples, validation: Validation, notify: Notify = lambda what: None) -> list[dict[str, Any]]:
    """Return what half of a class's clips less would cost, in F1 averaged over the classes: the dearest first.

    What suffers most from fewer clips has most to gain from more. Empty for more than MOST_CLASSES classes.
    """
    count = len(samples.labels)
    rows = []
    whole = _macro_f1(samples, validation.raw.argmax(axis=1))
    for label in range(count if count <= MOST_CLASSES else 0):
        notify(f"what more clips of {samples.labels[label]!r} would help")
        chosen = np.random.default_rng(label)
        cost = []
        for _ in range(REPEATS if count <= FEW_CLASSES else 1):
            taught = [(_halved(samples, train, label, chosen), test) for train, test in validation.folds]
            cost.append(whole - _macro_f1(samples, said(samples, validation, taught)))
        rows.append({"label": samples.labels[label], "cost_of_half": float(np.mean(cost))})
    return sorted(rows, key=lambda row: -float(row["cost_of_half"]))


def accuracy(samples: Samples, right: Any) -> dict[str, float]:
    """Return the share of the examples that is right, as a figure. right: of each, m."""
    sums, count = _sums(samples, right), _sums(samples, np.ones(len(samples.examples)))
    return _figure(metrics.ratio(sums, count), len(np.unique(samples.groups)))


def _false_alarms(samples: Samples, said: Ints) -> dict[str, float] | None:
    """Return how many background clips an hour are said to be an action, as a figure; None without a background."""
    if NONE not in samples.labels:
        return None
    background = samples.labels.index(NONE)
    there = samples.classes == background
    hours = sum(example.end - example.start for example in samples.of_class(background)) / (3600 * SECOND)
    return asdict(rate(int((said[there] != background).sum()), hours))


def _sums(samples: Samples, values: Any) -> Floats:
    """Return the sum of values of the examples (m or m×C): of all, then of each bootstrap sample of the groups."""
    names, group = np.unique(samples.groups, return_inverse=True)
    bootstrap = Bootstrap(len(names))
    return np.asarray(np.tensordot(bootstrap.weights, bootstrap.tally(values, group), 1))


def _figure(values: Floats, groups: int, share: bool = True) -> dict[str, float]:
    """Return value, low and high. Arguments as for interval."""
    return asdict(interval(values, groups, share))


def _one_hot(classes: Ints, said: Ints, count: int) -> Iterator[NDArray[np.bool_]]:
    """Yield m×C: in which class an example is right, said, true."""
    predicted, true = np.eye(count, dtype=bool)[said], np.eye(count, dtype=bool)[classes]
    yield from (predicted & true, predicted, true)


def _macro_f1(samples: Samples, said: Ints) -> float:
    sums = [one.sum(axis=0).astype(float) for one in _one_hot(samples.classes, said, len(samples.labels))]
    return float(metrics.macro(metrics.precision_recall_f1(*sums)[2], sums[2]))


def said(samples: Samples, validation: Validation, divided: list[Fold]) -> Ints:
    """Return what is said of each example, by heads of the validation's strengths. divided: taught, and tested."""
    logits = np.zeros_like(validation.logits)
    for (train, test), choice in zip(divided, validation.choices, strict=True):
        windows = np.isin(samples.example, test)
        logits[windows] = heads.held_out_logits(samples, [(train, test)], [choice.strength])[0][windows]
    return np.asarray(heads.by_example(samples, logits).argmax(axis=1))


def _halved(samples: Samples, train: Ints, label: int, rng: np.random.Generator) -> Ints:
    own = train[samples.classes[train] == label]
    kept = rng.permutation(own)[: max(1, len(own) // 2)]
    return np.sort(np.concatenate([train[samples.classes[train] != label], kept]))

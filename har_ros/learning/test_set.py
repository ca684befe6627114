"""A test set: clips on which a network is tried when it has been taught, and which nothing is fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from har_ros.errors import ConfigurationError
from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.dataset import Dataset
from har_ros.learning.duplicates import near_duplicates
from har_ros.learning.embed import Windows
from har_ros.learning.head import Head
from har_ros.learning.samples import Samples, gather_tests
from har_ros.stats.metrics import Floats


@dataclass(frozen=True)
class TestSet:
    """duplicates: a sentence for each near-duplicate of a clip that is taught. left_out: for each recording."""

    dataset: Dataset
    samples: Samples
    duplicates: list[str]
    left_out: list[str]


def test_set(
    dataset: Dataset, windows: Mapping[Path, Sequence[Windows]], left_out: list[str], taught: Samples
) -> TestSet:
    """Give the windows their labels, and compare them with what is taught. Raises ConfigurationError."""
    paths = {example.path.resolve() for example in taught.examples}
    if both := [material.name for material in dataset.materials if material.path.resolve() in paths]:
        raise ConfigurationError(f"{both[0]} is taught and in the test set {dataset.path}; remove it from one of them")
    samples = gather_tests(dataset.materials, windows, taught.labels)
    return TestSet(dataset, samples, _duplicates(taught, samples), left_out)


def measure(tests: TestSet, head: Head) -> tuple[dict[str, Any], Floats]:
    """Return what metrics.json has of a test set, and the probabilities of its clips, m×C.

    Log loss and calibration are of what the head says before it rejects anything.
    """
    samples = tests.samples
    seen = samples.embeddings[:, 0]
    probabilities = heads.by_example(samples, head.logits(seen))
    before = heads.by_example(samples, replace(head, rejection=None).logits(seen))
    measured = {
        "dataset": str(tests.dataset.path),
        "grouping": tests.dataset.grouping,
        "clips": len(samples.examples),
        "groups": len(np.unique(samples.groups)),
        "figures": validation.figures(samples, probabilities),
        "log_loss": validation.log_loss(samples, before),
        "calibration": validation.calibration(samples, before),
        "duplicates": tests.duplicates,
        "left_out": tests.left_out,
    }
    return measured, probabilities


def _duplicates(taught: Samples, tests: Samples) -> list[str]:
    count = len(taught.examples)
    both = Samples(
        taught.labels,
        (*taught.examples, *tests.examples),
        np.concatenate([taught.example, tests.example + count]),
        np.concatenate([taught.embeddings, tests.embeddings]),
        np.concatenate([taught.looks, tests.looks]),
    )
    return [
        f"{both.examples[pair.other].name} of the test set is a near-duplicate of {both.examples[pair.one].name}, "
        f"which is taught{', mirrored' if pair.mirrored else ''}; remove one of them"
        for pair in near_duplicates(both, np.repeat([0, 1], [count, len(tests.examples)]))
    ]

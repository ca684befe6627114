"""From a dataset to a taught network: embeddings, head, figures, folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text
from threadpoolctl import threadpool_limits

from har_ros.backends.backend import BackendSettings
from har_ros.graphs.cut import taught_network
from har_ros.graphs.onnx_file import load_onnx
from har_ros.learning import curves
from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.advice import advice
from har_ros.learning.dataset import Dataset
from har_ros.learning.embedders import Settings, open_embedder
from har_ros.learning.head import Choice, Head
from har_ros.learning.lesson import Watch, learn_from, nobody, read, write
from har_ros.learning.likeness import fit_rejection
from har_ros.learning.model import CLIPS, TESTS, check_output
from har_ros.learning.samples import Samples
from har_ros.learning.test_set import measure, test_set
from har_ros.teach.nothing import with_background
from har_ros.workers.workers import HERE, Workers


def teach(
    dataset: Dataset,
    folder: Path,
    settings: Settings,
    backend: BackendSettings,
    overwrite: bool,
    console: Console,
    test: Dataset | None = None,
    watch: Watch = nobody,
    workers: Workers = HERE,
) -> dict[str, Any]:
    """Write the taught network and its report. Returns what is in metrics.json. Raises HarError.

    test: clips to try the network on, which nothing is fitted to. watch: sees the work, beside the console.
    workers: who look at recordings, and cross-validate.
    KeyboardInterrupt leaves nothing behind but the embeddings so far, in the cache.
    """
    check_output(folder, overwrite)
    with open_embedder(settings, backend) as embedder:
        lesson = learn_from(embedder, dataset, settings, console, watch, workers)
        samples, others, mined = with_background(embedder, lesson, console, workers)
        tests = test_set(test, *read(embedder, test, console, watch, workers), samples) if test else None
    lesson = replace(lesson, samples=samples)
    with progress_line(console, watch) as notify, threadpool_limits(1):  # for small matrices, more threads are slower
        checked = validation.validate(samples, notify, workers)
        measured: dict[str, Any] = {
            "validation": f"{len(checked.folds)}-fold cross-validation",
            **validation.measures(samples, checked.probabilities, checked.calibrated, checked.raw),
            "learning_curve": curves.learning_curve(samples, checked, notify),
            "source_curve": curves.source_curve(samples, checked, notify),
            "gains": validation.gains(samples, checked, notify),
            "background": others,
        }
        notify("the network")
        head, choice = fitted(samples)
    network = taught_network(load_onnx(lesson.prepared.path), *head.rounded(), head.rejection)
    measured["advice"] = advice(measured)
    measured["temperature"] = choice.temperature
    measured["chosen"] = {
        "regularisation (C)": choice.strength,
        "C in the folds": ", ".join(f"{one.strength:g}" for one in checked.choices),
        "temperature in the folds": ", ".join(f"{one.temperature:.3g}" for one in checked.choices),
    }
    tested = [(CLIPS, samples, checked.probabilities)]
    if tests:
        measured["test"], probabilities = measure(tests, head)
        tested.append((TESTS, tests.samples, probabilities))
    return write(folder, overwrite, lesson, network, measured, tested, mined)


def fitted(samples: Samples) -> tuple[Head, Choice]:
    """Return the head of a network that is taught with all examples, and how it was chosen. none is the last label."""
    everything = np.arange(len(samples.examples))
    choice = heads.choose(samples, everything)
    [linear] = heads.fits(samples, everything, [choice.strength])
    return replace(linear.cooled(choice.temperature), rejection=fit_rejection(samples, everything)), choice


@contextmanager
def progress_line(console: Console, watch: Watch) -> Iterator[validation.Notify]:
    """Lend what shows the work that is being done."""
    with console.status("cross-validation") as status:

        def notify(what: str) -> None:
            status.update(Text(what))
            watch(what, 0, 0)

        yield notify

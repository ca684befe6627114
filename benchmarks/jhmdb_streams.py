"""Streams of JHMDB's skeletons, for event_streams.py: everyday-14 was trained with all of them, so a head is taught."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.frames.sampling import SECOND, StreamSettings
from har_ros.frames.skeletons import NAMES, SkeletonFrame
from har_ros.frames.window import Frame
from har_ros.graphs.cut import LOGITS, taught_network
from har_ros.graphs.onnx_file import load_onnx
from har_ros.learning.embed import embedding_network, hop_of
from har_ros.learning.model import NETWORK, taught_card, write_network
from har_ros.learning.samples import Example, Samples
from har_ros.models.card import NetworkFile
from har_ros.models.locate import find_model
from har_ros.networks.sequence import SequenceNetwork
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.stream import Stream as Window
from har_ros.teach.teach import fitted

OURS = {"shoulder": (4, 3), "elbow": (8, 7), "wrist": (12, 11), "hip": (6, 5), "knee": (10, 9), "ankle": (14, 13)}
"""Numbers in JHMDB of the left and the right one; those of the head are its face, 2."""
RATE, LARGE = 30.0, 100.0
"""Images of JHMDB a second, and pixels of its unit."""
RUNS, LONGEST = 8, 4
"""Segments of a stream, and clips of a segment, at most."""
Clips = list[tuple[str, list[Frame]]]


def jhmdb(path: Path, chain_of: Callable[..., Any]) -> Iterator[Any]:
    """Yield the clips of the first test part, of a network that was taught with the training part.

    One to LONGEST of a class follow each other. chain_of: see event_streams.
    """
    with np.load(path) as data:
        names = data["names"].tolist()
        poses = np.split(data["poses"], np.cumsum(data["lengths"])[:-1])
        clips = [(names[label], _frames(pose)) for label, pose in zip(data["labels"], poses, strict=True)]
        train, test = ([clips[at] for at in np.flatnonzero(data["splits"][:, 0] == part)] for part in (1, 2))
    dice = np.random.default_rng(0)
    runs = _runs(test, dice)
    with TemporaryDirectory() as place:
        network = _taught(_runs(train, dice), Path(place))
        with Recognizer.open(str(network), skeletons=True) as recognizer:
            for number in range(0, len(runs), RUNS):
                name = f"jhmdb {number // RUNS}"
                yield chain_of(name, name, recognizer, [clip for run in runs[number : number + RUNS] for clip in run])


def _frames(pose: NDArray[np.float32]) -> list[Frame]:
    """Return a clip's skeletons. pose: T×15×2, see the README of the data."""
    joints = [OURS.get(name.partition("_")[2], (2, 2))[name.startswith("right")] for name in NAMES]
    points = pose[:, joints] * LARGE + 500
    sure = np.ones((*points.shape[:2], 1), np.float32)
    stamps = (np.arange(len(pose)) / RATE * SECOND).round().astype(int).tolist()
    rows = np.concatenate([points, sure], axis=2).astype(np.float32)
    return [SkeletonFrame(row, (1000, 1000), stamp) for row, stamp in zip(rows, stamps, strict=True)]


def _runs(clips: Clips, dice: np.random.Generator) -> list[Clips]:
    """Return the clips in runs of one class, in an order by chance in which neighbours differ where they can."""
    left: list[list[Clips]] = []
    for label in sorted({label for label, _ in clips}):
        own = [clip for clip in clips if clip[0] == label]
        left.append([])
        while own:
            many = int(dice.integers(1, LONGEST + 1))
            left[-1].append(own[:many])
            own = own[many:]
    order: list[Clips] = []
    while left := [runs for runs in left if runs]:
        free = [at for at, runs in enumerate(left) if not order or runs[0][0][0] != order[-1][0][0]] or [0]
        counts = np.array([len(left[at]) for at in free])
        order.append(left[int(dice.choice(free, p=counts / counts.sum()))].pop())
    return order


def _taught(runs: Sequence[Clips], place: Path) -> Path:
    """Teach on joint-motion, with the windows of runs; returns the network's folder."""
    model = find_model("joint-motion")
    prepared = embedding_network(model)
    network = SequenceNetwork((prepared,), lambda one: load_backend(one, BackendSettings()))
    labels = tuple(sorted({run[0][0] for run in runs}))
    rows, owner, examples = [], [], []
    for number, run in enumerate(runs):
        memory = network.new_memory()
        window = Window(memory, model.card, StreamSettings(stride=hop_of(network.length)), (), True)
        label = labels.index(run[0][0])
        examples.append(Example(f"run {number}", place, "", label, f"run {number}", 0, 0))
        for frame in _chained(run):
            if not window.push(frame):
                continue
            with window.window() as clip:
                if clip is None:
                    continue
                [answer] = network.run([clip], [memory])
            if answer is not None:
                rows.append(answer.probabilities[None])
                owner.append(number)
    network.backend.close()
    kept = sorted(set(owner))
    samples = Samples(
        labels,
        tuple(examples[number] for number in kept),
        np.searchsorted(kept, owner),
        np.stack(rows),
        np.zeros((len(rows), 1, 1, 1), np.uint8),
    ).with_none()
    head, _ = fitted(samples)
    file = NetworkFile(NETWORK, prepared.input_blob, LOGITS)
    card = taught_card(model.card, "jhmdb", network.length, file, "taught with JHMDB")
    content = taught_network(load_onnx(prepared.path), *head.rounded(), head.rejection)
    (place / "jhmdb").mkdir()
    write_network(place / "jhmdb", card, content, samples.labels)
    return place / "jhmdb"


def _chained(run: Clips) -> Iterator[Frame]:
    now = 0
    for _, frames in run:
        for frame in frames:
            yield replace(frame, stamp=frame.stamp + now)  # type: ignore[type-var]
        now += frames[-1].stamp + round(SECOND / RATE)

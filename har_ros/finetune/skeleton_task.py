"""Finetuning with skeletons: the people's windows are kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.utils.data import Dataset as Drawn

from har_ros.backends.backend import BackendSettings, State
from har_ros.errors import ModelError
from har_ros.finetune.architecture import INPUT, shape_of
from har_ros.finetune.architectures import ARCHITECTURES, card_of
from har_ros.finetune.skeleton_windows import FixedWindows, RandomWindows, WindowSource, laid_out, plain
from har_ros.finetune.task import Embed, Task, first_head
from har_ros.finetune.torch_graph import OnnxModule
from har_ros.finetune.training import Backbone, TrainableNetwork
from har_ros.frames.skeletons import NAMES
from har_ros.frames.spec import SkeletonSpec
from har_ros.graphs.cut import EMBEDDING
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.learning.dataset import Dataset
from har_ros.learning.embed import embedding_network
from har_ros.learning.embed_people import PeopleEmbedder
from har_ros.learning.embedders import Settings
from har_ros.learning.head import Head
from har_ros.learning.lesson import Lesson, learn_from
from har_ros.models.card import ModelCard
from har_ros.models.locate import Model, find_model
from har_ros.stats.metrics import Ints

TOGETHER = 256
"""Windows whose embeddings are computed at a time."""


class SkeletonTask(Task):
    """A lesson whose samples have windows as skeleton_lesson leaves them in place of embeddings."""

    threads = 1  # for small layers, more are slower

    def __init__(self, lesson: Lesson, architecture: str, unmirrored: frozenset[int]) -> None:
        """architecture: to be trained from the beginning; "": the lesson's network. unmirrored: see ImageTask."""
        super().__init__(lesson)
        self._architecture = architecture
        self._unmirrored = unmirrored
        seen = lesson.samples.embeddings  # n×views×D
        spec = plain(self._spec)
        self._views = torch.from_numpy(seen).reshape(*seen.shape[:2], lesson.frames, len(spec.joints or NAMES), 3)

    @property
    def _spec(self) -> SkeletonSpec:
        spec = self.lesson.prepared.skeletons
        assert spec is not None  # it takes skeletons
        return spec

    def start(self, taught: Ints, frozen: float) -> TrainableNetwork:
        """Return the network that is there with the head of `teach`, or an untrained one."""
        prepare = partial(laid_out, spec=self._spec)
        if self._architecture:
            module, classes = ARCHITECTURES[self._architecture](), len(self.lesson.samples.labels)
            return TrainableNetwork(module, prepare, Head(np.zeros((module.width, classes)), np.zeros(classes)))
        backbone = OnnxModule(load_onnx(self.lesson.prepared.path))
        backbone.freeze(frozen)
        embedded = replace(self.lesson.samples, embeddings=self._embeddings(backbone, prepare))
        return TrainableNetwork(backbone, prepare, first_head(embedded, taught))

    def _embeddings(self, backbone: Backbone, prepare: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        """Return n×views×D."""
        flat = self._views.flatten(0, 1)
        with torch.no_grad():
            rows = torch.cat([backbone(prepare(part)) for part in flat.split(TOGETHER)])
        return np.asarray(rows.reshape(*self._views.shape[:2], -1).numpy())

    def drawn(self, examples: Ints) -> Drawn[Any]:
        """Return windows, varied and mirrored at random."""
        return RandomWindows(self._windows(examples))

    def fixed(self, examples: Ints) -> Drawn[Any]:
        """Return first windows as the network sees them when it runs."""
        return FixedWindows(self._windows(examples))

    def _windows(self, numbers: Ints) -> WindowSource:
        samples, mirror = self.lesson.samples, self.lesson.settings.mirror
        classes = [samples.examples[number].label for number in numbers]
        rows = [np.flatnonzero(samples.example == number) for number in numbers]
        mirrorable = [mirror and label not in self._unmirrored for label in classes]
        return WindowSource(self._views[:, 0], rows, classes, mirrorable, self._spec)

    def noise(self) -> NDArray[Any]:
        """Return a window of random numbers, float32 T×V×3."""
        return np.asarray(np.random.default_rng(0).random(self._views.shape[2:], np.float32))

    def as_backends_take(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return a window in the network's layout."""
        return np.ascontiguousarray(laid_out(torch.from_numpy(inputs[None]), self._spec)[0].numpy())

    def embedded(self, example: int, embed: Embed) -> list[NDArray[np.float32]]:
        """Return the embedding of each window of an example."""
        rows = np.flatnonzero(self.lesson.samples.example == example)
        return [embed(self.as_backends_take(self._views[row, 0].numpy())) for row in rows]


class _Copy:
    """Gives windows in place of embeddings."""

    name = "PyTorch"
    max_batch = 1

    def new_state(self) -> State:
        """Raise ModelError: networks of skeletons keep nothing between windows."""
        raise ModelError("a network of skeletons has no state; check its card")

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Return the inputs, one row for each."""
        return np.stack([one.ravel() for one in inputs])

    def close(self) -> None:
        """Free nothing."""


def skeleton_lesson(
    architecture: str, dataset: Dataset, settings: Settings, backend: BackendSettings, console: Console
) -> Lesson:
    """Look for the people of a data set; the samples have their windows as embeddings. Raises HarError.

    architecture: which is to be trained in place of the settings' model, if any.
    """
    model = Model(card_of(architecture), Path()) if architecture else find_model(settings.model)
    prepared = _untrained(model.card, settings.frames) if architecture else embedding_network(model, settings.frames)
    spec = prepared.skeletons
    assert spec is not None  # it takes skeletons
    length = prepared.shape[spec.layout.index("T") - 1]
    arranged = replace(prepared, skeletons=plain(spec), shape=(length, len(spec.joints or NAMES), 3))
    embedder = PeopleEmbedder(
        model,
        backend,
        settings.frames,
        settings.mirror,
        settings.people,
        prepare=lambda *_: arranged,
        load=lambda *_: _Copy(),
    )
    with embedder:
        return replace(learn_from(embedder, dataset, settings, console), prepared=prepared)


def _untrained(card: ModelCard, frames: int) -> PreparedNetwork:
    """Return the network of an architecture, whose file is written when it is trained. Raises ConfigurationError."""
    card.window_frames(frames)
    spec = card.input
    assert isinstance(spec, SkeletonSpec)
    return PreparedNetwork(
        name=f"{card.name}-embedding",
        path=Path(f"{card.name}.onnx"),
        input_blob=INPUT,
        output_blob=EMBEDDING,
        shape=shape_of(spec),
        type="float32",
        spec=None,
        input_type="float32",
        output_type="float32",
        output_rank=2,
        output="embedding",
        single=False,
        skeletons=spec,
    )

"""Finetuning with images: clips are read again for each epoch."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.utils.data import Dataset as Drawn

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError
from har_ros.finetune.task import Embed, Task, first_head
from har_ros.finetune.torch_graph import OnnxModule
from har_ros.finetune.training import TrainableNetwork
from har_ros.finetune.training_clips import ClipSource, FixedClips, RandomClips
from har_ros.frames.spec import InputSpec
from har_ros.graphs.onnx_file import load_onnx
from har_ros.learning.dataset import Dataset
from har_ros.learning.embed import hop_of
from har_ros.learning.embedders import Settings, open_embedder
from har_ros.learning.lesson import Lesson, learn_from
from har_ros.learning.windows import windows
from har_ros.recordings.bag import open_recording
from har_ros.stats.metrics import Ints


class ImageTask(Task):
    """unmirrored: the classes in which left and right matter."""

    def __init__(self, lesson: Lesson, unmirrored: frozenset[int]) -> None:
        super().__init__(lesson)
        self._unmirrored = unmirrored

    def start(self, taught: Ints, frozen: float) -> TrainableNetwork:
        """Return the network that is there, with the head of `teach`."""
        spec = self.lesson.prepared.spec
        assert spec is not None  # it takes frames
        backbone = OnnxModule(load_onnx(self.lesson.prepared.path))
        backbone.freeze(frozen)
        return TrainableNetwork(backbone, partial(scaled, spec=spec), first_head(self.lesson.samples, taught))

    def drawn(self, examples: Ints) -> Drawn[Any]:
        """Return windows at random moments, cropped and mirrored at random."""
        return RandomClips(self._clips(examples))

    def fixed(self, examples: Ints) -> Drawn[Any]:
        """Return first windows as the network sees them when it runs."""
        return FixedClips(self._clips(examples))

    def _clips(self, numbers: Ints) -> ClipSource:
        lesson = self.lesson
        chosen = [lesson.samples.examples[number] for number in numbers]
        paths, classes = [example.path for example in chosen], [example.label for example in chosen]
        length, mirror = lesson.prepared.shape[0], lesson.settings.mirror
        return ClipSource(paths, classes, lesson.base, length, self._unmirrored, mirror)

    def noise(self) -> NDArray[Any]:
        """Return frames of random numbers, uint8 T×H×W×3."""
        return np.random.default_rng(0).integers(0, 256, self.lesson.prepared.shape, np.uint8)

    def as_backends_take(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the frames as they are: backends scale them."""
        return inputs

    def embedded(self, example: int, embed: Embed) -> list[NDArray[np.float32]]:
        """Return the embedding of each window of a clip, which is read as the robot's cameras are."""
        clip, length = self.lesson.samples.examples[example], self.lesson.prepared.shape[0]
        recording = open_recording(clip.path)
        _, cameras = windows(recording, self.lesson.base, length, hop_of(length), lambda seen: embed(seen.frames))
        return [window.seen for window in cameras[clip.camera]]


def image_lesson(dataset: Dataset, settings: Settings, backend: BackendSettings, console: Console) -> Lesson:
    """Look at the clips of a folder with a clip network. Raises HarError."""
    if not dataset.path.is_dir():
        raise ConfigurationError(f"finetune takes a folder of clips; cut {dataset.path} first: actionnet clips")
    with open_embedder(settings, backend) as embedder:
        return learn_from(embedder, dataset, settings, console)


def scaled(frames: Tensor, spec: InputSpec) -> Tensor:
    """Return frames as the network takes them: see InputSpec. frames: uint8 N×T×H×W×3 RGB."""
    low, high = spec.range
    x = frames.flip(-1) if spec.colour == "bgr" else frames
    x = x.float() * ((high - low) / 255) + low
    x = (x - x.new_tensor(spec.mean)) / x.new_tensor(spec.std)
    return x.permute(*("NTHWC".index(axis) for axis in spec.layout))

"""What finetune trains, and with what: the same steps for images and for skeletons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from har_ros.finetune.training import TrainableNetwork
from har_ros.learning import head as heads
from har_ros.learning.head import Head
from har_ros.learning.lesson import Lesson
from har_ros.learning.samples import Samples
from har_ros.stats.metrics import Ints

Embed = Callable[[NDArray[Any]], NDArray[np.float32]]
"""Returns what the trained network makes of one input as backends take it. Several threads may call it."""


class Task(ABC):
    """A lesson whose network is to be trained. Examples are given by their numbers in its samples.

    threads: on how many the CPU computes; None: on all that there are.
    """

    threads: int | None = None

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson

    @abstractmethod
    def start(self, taught: Ints, frozen: float) -> TrainableNetwork:
        """Return the network before it is trained with these examples, with a share of its layers frozen."""

    @abstractmethod
    def drawn(self, examples: Ints) -> Dataset[Any]:
        """Return what is drawn of these examples at random: inputs of the network, and classes."""

    @abstractmethod
    def fixed(self, examples: Ints) -> Dataset[Any]:
        """Return the first window of each of these examples, and its class."""

    @abstractmethod
    def noise(self) -> NDArray[Any]:
        """Return one input of the network as `start` takes it, of random numbers."""

    @abstractmethod
    def as_backends_take(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return such an input as backends take it."""

    @abstractmethod
    def embedded(self, example: int, embed: Embed) -> list[NDArray[np.float32]]:
        """Return the embedding of each window of an example. Several threads may call it."""


def first_head(samples: Samples, taught: Ints) -> Head:
    """Return the head that `teach` would fit to these examples."""
    choice = heads.choose(samples, taught)
    return heads.fits(samples, taught, [choice.strength])[0].cooled(choice.temperature)

"""A loaded pose network: images in, people out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend, BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ModelError, one_line
from har_ros.frames.compressed import AnyImage, decode_all
from har_ros.frames.letterbox import write_letterboxed
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.models.card import PoseCard
from har_ros.models.check import prepared_pose
from har_ros.models.locate import find_pose_model
from har_ros.persons.decode import DECODERS, confidences
from har_ros.persons.poses import Poses

NOT_FINITE = "the pose network's output is not finite (NaN or infinity); try another precision or network"

ROUNDING = 0.01
"""By which confidences may lie outside 0…1, as a recognizer's probabilities may."""


class PoseEstimator:
    """Finds people in images. Use it from one thread at a time; close it with `with`."""

    def __init__(self, card: PoseCard, network: PreparedNetwork, backend: Backend) -> None:
        """backend: runs the network."""
        self.card = card
        self.network = network
        self.backend = backend
        self._slots = np.zeros((0, *self.shape), np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the network's input, H×W×3."""
        return self.network.shape

    @classmethod
    def open(cls, model: str, settings: BackendSettings = BackendSettings(), size: int = 0) -> PoseEstimator:
        """Find the network, load it, and try it once. Raises HarError.

        model: a pose card's name, or the path of a card or of its folder. size: of its square input in pixels, a
        multiple of 32; 0: as the card says.
        """
        found = find_pose_model(model)
        network = prepared_pose(found, size)
        estimator = cls(found.card, network, load_backend(network, settings))
        try:
            [output] = estimator.backend.infer([np.zeros(network.shape, np.uint8)])
            estimator._people(output)
        except BaseException:  # Ctrl-C, too: a backend may have threads, which go on
            estimator.close()
            raise
        return estimator

    def estimate(self, images: Sequence[AnyImage]) -> list[Poses | ModelError]:
        """Return for each image who is in it, in its own pixels, or why that cannot be said.

        The images run together where the backend can. Raises ImageError for an image that cannot be read, and
        ModelError when the network fails for all.
        """
        if len(self._slots) < len(images):
            self._slots = np.zeros((len(images), *self.shape), np.uint8)
        slots = self._slots[: len(images)]
        pairs = zip(images, slots, strict=True)
        resize, border = self.card.input.resize, self.card.border
        scales = [write_letterboxed(decode_all(image), resize, slot, border) for image, slot in pairs]
        outputs = self.backend.infer(list(slots))
        return [self._found(output, scale) for output, scale in zip(outputs, scales, strict=True)]

    def _found(self, output: NDArray[np.float32], scale: float) -> Poses | ModelError:
        try:
            return self._people(output).scaled(scale)
        except ModelError as error:
            return error

    def _people(self, output: NDArray[np.float32]) -> Poses:
        """Return who is in an image, in pixels of the input. Raises ModelError for numbers that say nothing of people.

        Where confidences are no probabilities, no threshold means what it should: it is an error, and not cut to 0…1.
        """
        (height, width, _), card = self.shape, self.card
        if not np.isfinite(output).all():
            raise ModelError(NOT_FINITE)
        try:
            sure = confidences(card.decode, output)
            poses = DECODERS[card.decode](output, height, width)
        except (ValueError, IndexError) as error:
            raise ModelError(
                f"{card.name} gives {output.size} numbers for {width}×{height} pixels, which {card.decode} cannot read "
                f"({one_line(error)}); check decode and input"
            ) from None
        least, most = sure.min(initial=0), sure.max(initial=0)
        if least < -ROUNDING or most > 1 + ROUNDING:
            raise ModelError(
                f"{card.name} gives confidences from {least:.3g} to {most:.3g}, where {card.decode} reads 0 to 1; "
                "check decode, or export the network with its last sigmoid"
            )
        return poses

    def close(self) -> None:
        """Free the network."""
        self.backend.close()

    def __enter__(self) -> PoseEstimator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

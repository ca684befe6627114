"""Compares a card with its network files, and finds all that does not fit at once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from har_ros.errors import ModelError
from har_ros.frames.spec import InputSpec
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.prepare import Output, PreparedNetwork
from har_ros.graphs.twin import continual
from har_ros.models.card import ModelCard, NetworkFile
from har_ros.models.locate import Model
from har_ros.models.signature import COLOURS, Tensor, read_signature

Sizes = dict[str, int | None]
NOTHING = Tensor((), "")


def prepare(model: Model, frames: int = 0, in_steps: bool = False) -> tuple[PreparedNetwork, ...]:
    """Return the card's networks for windows of `frames` (0: as the card says). Raises HarError with what is wrong.

    in_steps: as the continual network that takes each frame once.
    """
    networks, wrong = examine(model, frames)
    if wrong:
        raise ModelError(f"{model.card.name}: {'; '.join(wrong)}; mend the card or its files")
    return (_stepwise(networks[0], model.card),) if in_steps else networks


def _stepwise(network: PreparedNetwork, card: ModelCard) -> PreparedNetwork:
    """Let a network's continual twin run in its place. Raises ModelError."""
    spec, remedy = network.spec, "set continual to false"
    if card.kind != "clip" or spec is None:
        raise ModelError(f"{card.name} is of kind {card.kind}, which takes frames one by one as it is; {remedy}")
    if network.path.suffix != ".onnx":
        raise ModelError(f"{network.path} is not ONNX, which continual inference needs; {remedy}")
    sizes = {"N": 1, "C": COLOURS, "T": network.shape[0], "H": spec.height, "W": spec.width}
    shape = [sizes[axis] for axis in spec.layout]
    try:
        twin = continual(
            load_onnx(network.path), network.input_blob, network.output_blob, shape, spec.layout.index("T")
        )
    except ModelError as error:
        raise ModelError(f"{card.name} cannot be streamed: {error}; {remedy}") from None
    return replace(
        network,
        name=f"{network.name}-continual",
        output_blob=twin.output,
        shape=(twin.stride, *network.shape[1:]),
        twin=twin,
    )


def examine(model: Model, frames: int = 0) -> tuple[tuple[PreparedNetwork, ...], list[str]]:
    """Return the card's networks, and every disagreement between the card and its files.

    Raises HarError when a file is missing or is no network.
    """
    card, length, labels = model.card, model.card.window_frames(frames), len(model.labels())
    if card.network is not None:
        clip = _Examination(model, "network", card.network)
        clip.takes_frames(card.input, length)
        clip.gives_classes(labels)
        return (clip.prepared(card.outputs),), clip.wrong
    encoder, decoder = (_Examination(model, role, getattr(card, role)) for role in ("encoder", "decoder"))
    encoder.takes_frames(card.input, length)
    decoder.takes_embeddings(length, encoder.outputs_per_input())
    decoder.gives_classes(labels)
    return (encoder.prepared("embedding"), decoder.prepared(card.outputs)), encoder.wrong + decoder.wrong


class _Examination:
    """One network of a card; `wrong` gathers what does not fit."""

    def __init__(self, model: Model, role: str, network: NetworkFile) -> None:
        self.wrong: list[str] = []
        self._role = role
        self._name = model.card.name if role == "network" else f"{model.card.name}-{role}"
        self._path: Path = model.network_path(network)
        signature = read_signature(self._path)
        self._input_blob, self._input = self._choose("input", signature.inputs, network.input)
        self._output_blob, self._output = self._choose("output", signature.outputs, network.output)
        self.wrong += [
            f"{role} needs a second input, {name!r}" for name in signature.inputs if self._input_blob not in ("", name)
        ]
        if self._output is not NOTHING and self._output.type not in ("float32", "float16"):
            self.wrong.append(f"{role} gives {self._output.type}, where float32 or float16 can be")
        self._spec: InputSpec | None = None
        self._shape: tuple[int, ...] = ()

    def _choose(self, what: str, tensors: dict[str, Tensor], name: str | None) -> tuple[str, Tensor]:
        names = ", ".join(map(repr, tensors))
        if not tensors:
            self.wrong.append(f"{self._role} has no {what}")
        elif name is None and len(tensors) > 1 and what == "output":
            self.wrong.append(f"{self._role} has several outputs, {names}; name one in {self._role}.output")
        elif name is not None and name not in tensors:
            self.wrong.append(f"{self._role} has no {what} {name!r}, it has {names}")
        else:
            chosen = name if name is not None else next(iter(tensors))
            return chosen, tensors[chosen]
        return "", NOTHING

    def takes_frames(self, spec: InputSpec, length: int) -> None:
        """Compare the input with the card's."""
        self._spec = spec
        clip = "T" in spec.layout
        self._shape = (*([length] if clip else []), spec.height, spec.width, COLOURS)
        self._compare(spec.layout, {"T": length, "C": COLOURS, "H": spec.height, "W": spec.width})
        unscaled = spec.range == (0, 255) and set(spec.mean) == {0} and set(spec.std) == {1} and spec.colour == "rgb"
        if self._input.type == "uint8" and not unscaled:
            self.wrong.append(
                f"{self._role} takes uint8, which needs colour rgb and range [0, 255] without mean or std"
            )
        elif self._input is not NOTHING and self._input.type not in ("uint8", "float32", "float16"):
            self.wrong.append(f"{self._role} takes {self._input.type}, where float32, float16 or uint8 can be")

    def takes_embeddings(self, length: int, width: int | None) -> None:
        """Compare the input with length×width embeddings."""
        if self._input is not NOTHING and self._input.type not in ("float32", "float16"):
            self.wrong.append(f"{self._role} takes {self._input.type}, where float32 or float16 can be")
        if width is None:
            width = self._input.shape[-1] if self._input.shape else None
        if width is None:
            self.wrong.append(
                f"{self._role} and encoder do not say how long an embedding is; export one with fixed sizes"
            )
        self._shape = (length, width or 0)
        self._compare("NTD", {"T": length, "D": width})

    def _compare(self, axes: str, expected: Sizes) -> None:
        shape = self._input.shape
        if self._input is NOTHING:
            return
        if len(shape) != len(axes):
            self.wrong.append(f"{self._role}'s input is {self._input}, which has not the axes {axes}")
            return
        found = dict(zip(axes, shape, strict=True))
        for axis, size in expected.items():
            if axis in found and found[axis] not in (None, size) and size is not None:
                self.wrong.append(f"{self._role}'s input has {axis} = {found[axis]} ({self._input}), {size} expected")
        if found["N"] not in (None, 1):
            self.wrong.append(
                f"{self._role} takes batches of {found['N']} only; export it for batches of 1 or any size"
            )

    def outputs_per_input(self) -> int | None:
        """Return how many numbers the network gives for one input, None when the file does not say."""
        sizes = self._output.shape[1:]
        return None if not sizes or None in sizes else math.prod(size for size in sizes if size)

    def gives_classes(self, labels: int) -> None:
        """Compare the output with the number of labels."""
        if self._output is NOTHING:
            return
        shape = self._output.shape
        if len(shape) < 2 or any(size not in (None, 1) for size in (shape[0], *shape[2:])):
            self.wrong.append(f"{self._role}'s output is {self._output}, where N×classes is expected")
        elif shape[1] not in (None, labels):
            self.wrong.append(f"{self._role} gives {shape[1]} classes, but there are {labels} labels")

    def prepared(self, output: Output) -> PreparedNetwork:
        """Return the network; it is of use if nothing is wrong."""
        return PreparedNetwork(
            name=self._name,
            path=self._path,
            input_blob=self._input_blob,
            output_blob=self._output_blob,
            shape=self._shape,
            type="float32" if self._spec is None else "uint8",
            spec=self._spec,
            input_type=self._input.type,
            output_type=self._output.type,
            output_rank=len(self._output.shape),
            output=output,
            single=bool(self._input.shape) and self._input.shape[0] == 1,
        )

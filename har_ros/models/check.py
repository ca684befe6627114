"""Compares a card with its network files, and finds all that does not fit at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.skeletons import NAMES
from har_ros.frames.spec import InputSpec, SkeletonSpec
from har_ros.graphs import rtmo
from har_ros.graphs.movenet import HEADS
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.prepare import Output, PreparedNetwork
from har_ros.graphs.rejection import before_rejection
from har_ros.graphs.twin import continual
from har_ros.models.card import Card, ModelCard, NetworkFile, PoseCard
from har_ros.models.locate import Model
from har_ros.models.signature import COLOURS, Tensor, read_signature
from har_ros.settings import POSE_STEP

NOTHING = Tensor((), "")
FLOATS = ("float32", "float16")


def prepared_networks(model: Model[ModelCard], frames: int = 0, in_steps: bool = False) -> tuple[PreparedNetwork, ...]:
    """Return the card's networks for windows of `frames` (0: as the card says). Raises HarError with what is wrong.

    in_steps: as the continual network that takes each frame once.
    """
    networks, wrong = examine(model, frames)
    if wrong:
        raise ModelError(f"{model.card.name}: {'; '.join(wrong)}; fix the card or its files")
    *others, last = networks
    networks = (*others, replace(last, labels=model.labels()))
    return (_stepwise(networks[0], model.card),) if in_steps else networks


def _stepwise(network: PreparedNetwork, card: ModelCard) -> PreparedNetwork:
    """Return the network with its continual twin, which runs in its place. Raises ModelError."""
    spec, remedy = network.spec, "set continual to false"
    if card.kind != "clip" or spec is None:
        raise ModelError(f"{card.name} is of kind {card.kind}, which cannot take frames in steps; {remedy}")
    if network.path.suffix != ".onnx":
        raise ModelError(f"{network.path} is not ONNX, which continual inference needs; {remedy}")
    sizes = {"N": 1, "C": COLOURS, "T": network.shape[0], "H": spec.height, "W": spec.width}
    shape = [sizes[axis] for axis in spec.layout]
    try:
        loaded = load_onnx(network.path)
        logits = before_rejection(loaded, network.output_blob)
        twin = continual(loaded, network.input_blob, logits, shape, spec.layout.index("T"))
    except ModelError as error:
        raise ModelError(f"{card.name} cannot be streamed: {error}; {remedy}") from None
    return replace(
        network,
        name=f"{network.name}-continual",
        output_blob=twin.output,
        shape=(twin.stride, *network.shape[1:]),
        twin=twin,
    )


def prepared_pose(model: Model[PoseCard], size: int = 0) -> PreparedNetwork:
    """Return a pose network for images of size×size (0: as the card says). Raises HarError with what is wrong."""
    card = model.card
    if size % POSE_STEP:
        raise ConfigurationError(f"pose_size is {size}; set it to a multiple of {POSE_STEP}")
    network_file = replace(card.network, converter="rtmo") if card.decode == "rtmo" else card.network
    network, wrong = _read(model, "network", network_file)
    spec = replace(card.input, height=size or card.input.height, width=size or card.input.width)
    taken = dict(zip(spec.layout, network.input.shape, strict=False))
    if size and (taken.get("H") or size, taken.get("W") or size) != (size, size):
        raise ConfigurationError(f"{card.name} takes {network.input} only; set pose_size to 0, as its card says")
    wrong += [*_wrong_frames(network, spec, 1), *_wrong_people(network, card.decode)]
    if wrong:
        raise ModelError(f"{card.name}: {'; '.join(wrong)}; fix the card or its files")
    return _takes_frames(network, spec, 1, "embedding")


PEOPLE = {
    "movenet": (None, sum(HEADS.values()), None, None),
    "yolo-pose": (None, rtmo.NUMBERS, None),
    "rtmo": (None, rtmo.PEOPLE, rtmo.NUMBERS),
}
"""A pose card's `decode` → the shape of the output that it reads."""


def _wrong_people(network: _Network, decode: str) -> Iterator[str]:
    """Compare a pose network's output with what is decoded."""
    expected, given = Tensor(PEOPLE[decode], network.output.type), network.output
    if given is NOTHING:
        return
    if len(given.shape) != len(expected.shape) or given.shape[1] not in (None, expected.shape[1]):
        yield f"{network.role}'s output is {given}, where {decode} reads {expected}; check decode"


def examine(model: Model[ModelCard], frames: int = 0) -> tuple[tuple[PreparedNetwork, ...], list[str]]:
    """Return the card's networks, and every disagreement between the card and its files; the networks work if none.

    Raises HarError when a file is missing or is no network.
    """
    card, length, labels = model.card, model.card.window_frames(frames), len(model.labels())
    if card.network is not None and isinstance(card.input, SkeletonSpec):
        network, wrong = _read(model, "network", card.network)
        wrong += [*_wrong_skeletons(network, card.input, length), *_wrong_classes(network, labels)]
        return (_takes_skeletons(network, card.input, length, card.outputs),), wrong
    if card.network is not None:
        clip, wrong = _read(model, "network", card.network)
        wrong += [*_wrong_frames(clip, card.images, length), *_wrong_classes(clip, labels)]
        return (_takes_frames(clip, card.images, length, card.outputs),), wrong
    (encoder, wrong_encoder), (decoder, wrong_decoder) = (
        _read(model, role, getattr(card, role)) for role in ("encoder", "decoder")
    )
    width = _outputs_per_input(encoder.output) or (decoder.input.shape[-1] if decoder.input.shape else None)
    wrong = [
        *(*wrong_encoder, *_wrong_frames(encoder, card.images, length)),
        *(*wrong_decoder, *_wrong_embeddings(decoder, length, width), *_wrong_classes(decoder, labels)),
    ]
    networks = (
        _takes_frames(encoder, card.images, length, "embedding"),
        _prepared(decoder, (length, width or 0), None, card.outputs),
    )
    return networks, wrong


@dataclass(frozen=True)
class _Network:
    """A network of a card, as its file has it. input, output: NOTHING, and the name "", where none can be chosen."""

    role: str
    name: str
    path: Path
    input_blob: str
    input: Tensor
    output_blob: str
    output: Tensor


def _read(model: Model[Card], role: str, network: NetworkFile) -> tuple[_Network, list[str]]:
    """Read a file and choose its tensors; also return what hinders that. Raises HarError."""
    path = model.network_path(network)
    signature = read_signature(path)
    input_blob, wrong = _chosen(role, "input", signature.inputs, network.input)
    output_blob, wrong_output = _chosen(role, "output", signature.outputs, network.output)
    output = signature.outputs.get(output_blob, NOTHING)
    wrong += wrong_output
    wrong += [f"{role} needs a second input, {name!r}" for name in signature.inputs if input_blob not in ("", name)]
    if output is not NOTHING and output.type not in FLOATS:
        wrong.append(f"{role} gives {output.type}, where float32 or float16 can be")
    name = model.card.name if role == "network" else f"{model.card.name}-{role}"
    taken = signature.inputs.get(input_blob, NOTHING)
    return _Network(role, name, path, input_blob, taken, output_blob, output), wrong


def _chosen(role: str, what: str, tensors: dict[str, Tensor], name: str | None) -> tuple[str, list[str]]:
    """Return the tensor that the card names, or the first; "" and why where there is none to choose."""
    names = ", ".join(map(repr, tensors))
    if not tensors:
        return "", [f"{role} has no {what}"]
    if name is None and len(tensors) > 1 and what == "output":
        return "", [f"{role} has several outputs, {names}; name one in {role}.output"]
    if name is not None and name not in tensors:
        return "", [f"{role} has no {what} {name!r}, it has {names}"]
    return next(iter(tensors)) if name is None else name, []


def _wrong_frames(network: _Network, spec: InputSpec, length: int) -> Iterator[str]:
    """Compare a network's input with the card's."""
    yield from _wrong_axes(network, spec.layout, {"T": length, "C": COLOURS, "H": spec.height, "W": spec.width})
    unscaled = spec.range == (0, 255) and set(spec.mean) == {0} and set(spec.std) == {1} and spec.colour == "rgb"
    taken = network.input
    if taken.type == "uint8" and not unscaled:
        yield f"{network.role} takes uint8, which needs colour rgb and range [0, 255] without mean or std"
    elif taken is not NOTHING and taken.type not in ("uint8", *FLOATS):
        yield f"{network.role} takes {taken.type}, where float32, float16 or uint8 can be"


def _wrong_skeletons(network: _Network, spec: SkeletonSpec, length: int) -> Iterator[str]:
    """Compare a network's input with the card's window of skeletons."""
    if network.input is not NOTHING and network.input.type not in FLOATS:
        yield f"{network.role} takes {network.input.type}, where float32 or float16 can be"
    yield from _wrong_axes(network, spec.layout, dict(_skeleton_sizes(spec, length)))


def _skeleton_sizes(spec: SkeletonSpec, length: int) -> dict[str, int]:
    """Return the length of each axis."""
    joints, coordinates = len(spec.joints or NAMES), 3 if spec.confidence else 2
    return {"M": spec.persons, "T": length, "V": joints, "C": coordinates, "D": joints * coordinates}


def _wrong_embeddings(network: _Network, length: int, width: int | None) -> Iterator[str]:
    """Compare a decoder's input with length×width embeddings."""
    if network.input is not NOTHING and network.input.type not in FLOATS:
        yield f"{network.role} takes {network.input.type}, where float32 or float16 can be"
    if width is None:
        yield f"{network.role} and encoder do not say how long an embedding is; export one with fixed sizes"
    yield from _wrong_axes(network, "NTD", {"T": length, "D": width})


def _wrong_axes(network: _Network, axes: str, expected: dict[str, int | None]) -> Iterator[str]:
    """Compare the sizes of an input with what is expected of its axes; None fits all."""
    role, taken = network.role, network.input
    if taken is NOTHING:
        return
    if len(taken.shape) != len(axes):
        yield f"{role}'s input is {taken}, which has not the axes {axes}"
        return
    found = dict(zip(axes, taken.shape, strict=True))
    for axis, size in expected.items():
        if axis in found and found[axis] not in (None, size) and size is not None:
            yield f"{role}'s input has {axis} = {found[axis]} ({taken}), {size} expected"
    if found["N"] not in (None, 1):
        yield f"{role} takes batches of {found['N']} only; export it for batches of 1 or any size"


def _wrong_classes(network: _Network, labels: int) -> Iterator[str]:
    """Compare a network's output with the number of labels."""
    given = network.output
    if given is NOTHING:
        return
    shape = given.shape
    if len(shape) < 2 or any(size not in (None, 1) for size in (shape[0], *shape[2:])):
        yield f"{network.role}'s output is {given}, where N×classes is expected"
    elif shape[1] not in (None, labels):
        yield f"{network.role} gives {shape[1]} classes, but there are {labels} labels"


def _outputs_per_input(output: Tensor) -> int | None:
    """Return how many numbers a network gives for one input, None when the file does not say."""
    sizes = output.shape[1:]
    return None if not sizes or None in sizes else math.prod(size for size in sizes if size)


def _takes_frames(network: _Network, spec: InputSpec, length: int, output: Output) -> PreparedNetwork:
    clip = [length] if "T" in spec.layout else []
    return _prepared(network, (*clip, spec.height, spec.width, COLOURS), spec, output)


def _takes_skeletons(network: _Network, spec: SkeletonSpec, length: int, output: Output) -> PreparedNetwork:
    sizes = _skeleton_sizes(spec, length)
    shape = tuple(sizes[axis] for axis in spec.layout[1:])
    return replace(_prepared(network, shape, None, output), skeletons=spec)


def _prepared(network: _Network, shape: tuple[int, ...], spec: InputSpec | None, output: Output) -> PreparedNetwork:
    return PreparedNetwork(
        name=network.name,
        path=network.path,
        input_blob=network.input_blob,
        output_blob=network.output_blob,
        shape=shape,
        type="float32" if spec is None else "uint8",
        spec=spec,
        input_type=network.input.type,
        output_type=network.output.type,
        output_rank=len(network.output.shape),
        output=output,
        single=bool(network.input.shape) and network.input.shape[0] == 1,
    )

"""What a server has to say of a network, for its answers to be those of the card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from har_ros.graphs.prepare import FRAMES, OUTPUT, PreparedNetwork

VERSION = 1
"""Of how images become a network's input, beside what a card says: it grows when the same card means another one."""
TYPES = {"uint8": "UINT8", "float32": "FP32"}
"""numpy's names of types → the protocol's."""
LABELS, PREPROCESSING = "labels", "preprocessing"
"""Parameters of the model's configuration on the server: the labels, one a line, and `preprocessing`."""


@dataclass(frozen=True)
class Tensor:
    """An input or output as a server describes it. shape: with the batch, -1 for an axis of any size."""

    name: str
    type: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {'×'.join('?' if size < 0 else str(size) for size in self.shape)} {self.type}"


@dataclass(frozen=True)
class Described:
    """A network as a server describes it. parameters: of its configuration; none where the server shows none.

    idle: seconds that it keeps a state without a step; 0: it keeps none; None: the server does not say.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    parameters: Mapping[str, str]
    idle: float | None = None

    @property
    def ragged(self) -> bool:
        """Whether answers to several inputs may differ in length, so that they cannot be joined."""
        return any(one.name == OUTPUT and one.shape[-1] < 0 for one in self.outputs)


def preprocessing(network: PreparedNetwork) -> str:
    """Return what tells networks apart that treat the same array, or the image before it, in different ways."""
    specs = [None if spec is None else asdict(spec) for spec in (network.spec, network.skeletons)]
    stream = [network.twin.lag, *(asdict(state) for state in network.states)] if network.twin else []
    text = json.dumps([*specs, network.output, network.output_blob, *stream], sort_keys=True)
    return f"{VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def parameters(network: PreparedNetwork) -> dict[str, str]:
    """Return the parameters for the network's configuration on a server."""
    labels = {LABELS: "\n".join(network.labels)} if network.labels else {}
    return {**labels, PREPROCESSING: preprocessing(network)}


def disagreements(network: PreparedNetwork, described: Described) -> Iterator[str]:
    """Say in what the server's network is not the card's."""
    yield from _wrong_input(network, described.inputs)
    yield from _wrong_output(network, described.outputs)
    given = described.parameters
    if network.labels and LABELS in given:
        yield from _wrong_labels(network.labels, tuple(given[LABELS].split("\n")))
    expected = preprocessing(network)
    if given.get(PREPROCESSING, expected) != expected:
        yield f"it was exported for another preprocessing ({given[PREPROCESSING]}; the card's is {expected})"
    if network.states and described.idle is None:
        yield "its configuration is not shown, which would say whether it keeps states (sequence_batching)"
    elif network.states and not described.idle:
        yield "it keeps no state (sequence_batching), which a continual network needs"


def _wrong_input(network: PreparedNetwork, inputs: Sequence[Tensor]) -> Iterator[str]:
    expected = Tensor(FRAMES, TYPES[network.type], (-1, *network.shape))
    if [one.name for one in inputs] != [FRAMES]:
        yield f"its input is {', '.join(map(str, inputs)) or 'missing'}, where the card needs {expected}"
        return
    (given,) = inputs
    if given.type != expected.type or not _fits(given.shape, (1, *network.shape)):
        yield f"its input is {given}, where the card needs {expected}"


def _wrong_output(network: PreparedNetwork, outputs: Sequence[Tensor]) -> Iterator[str]:
    expected = Tensor(OUTPUT, "FP32", (-1, len(network.labels) or -1))
    given = next((one for one in outputs if one.name == OUTPUT), None)
    if given is None:
        yield f"its output is {', '.join(map(str, outputs)) or 'missing'}, where the card needs {expected}"
    elif given.type != expected.type or not _fits(given.shape, (1, expected.shape[1])):
        yield f"its output is {given}, where the card needs {expected}"


def _fits(shape: Sequence[int], sizes: Sequence[int]) -> bool:
    """Whether an array of these sizes can be one of the shape; -1 fits all."""
    return len(shape) == len(sizes) and all(-1 in pair or pair[0] == pair[1] for pair in zip(shape, sizes, strict=True))


def _wrong_labels(expected: tuple[str, ...], given: tuple[str, ...]) -> Iterator[str]:
    if len(given) != len(expected):
        yield f"it has {len(given)} labels, where the card has {len(expected)}"
    elif given != expected:
        number, pair = next((i, p) for i, p in enumerate(zip(given, expected, strict=True)) if p[0] != p[1])
        yield f"its label {number + 1} is {pair[0]!r}, where the card's is {pair[1]!r}"

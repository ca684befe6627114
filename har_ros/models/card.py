"""Model cards: what a network expects and what its outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from har_ros.errors import ConfigurationError
from har_ros.frames.spec import InputSpec, SkeletonSpec, WindowSpec


@dataclass(frozen=True)
class NetworkFile:
    """A network: ONNX, OpenVINO IR (.xml) or TensorFlow Lite.

    input, output: the names of its tensors, needed where it has several.
    embedding: the tensor before its last layer, N×D or N×D×…, which is averaged over the rest; in ONNX only.
    converter: which of har_ros.models.locate.CONVERTERS makes an ONNX network of the file.
    """

    file: str
    input: str | None = None
    output: str | None = None
    converter: str | None = None
    embedding: str | None = None


@dataclass(frozen=True)
class Package:
    """A PyPI package that holds a file as well; it is never imported."""

    install: str
    path: str


@dataclass(frozen=True)
class SourceFile:
    """A file that `actionnet models fetch` downloads.

    checksum: "sha256:…" or "sha384:…" of the file itself; None where its publisher gives none. size: in bytes.
    member: its path in the archive (.tar.gz, .zip) at `url`, or the end of it; None: the URL is the file.
    """

    name: str
    url: str
    checksum: str | None = None
    size: int | None = None
    member: str | None = None
    package: Package | None = None


class Card(Protocol):
    """What all cards have: a name, and the files that `actionnet models fetch` downloads."""

    @property
    def name(self) -> str:
        """The card's name."""

    @property
    def licence(self) -> str:
        """Under what the files may be used."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The files that can be downloaded."""


@dataclass(frozen=True)
class PoseCard:
    """All that har_ros knows of a network that finds people and their joints in an image.

    input: height and width are the network's, or used where it takes any; images keep their proportions.
    decode: how people are read from its output, see persons.decode. border: the grey, 0 to 255, of what the image
    leaves free of the input.
    """

    name: str
    kind: Literal["pose"]
    description: str
    licence: str
    input: InputSpec
    decode: Literal["movenet", "yolo-pose", "rtmo"]
    network: NetworkFile
    files: tuple[SourceFile, ...] = ()
    border: int = 0


@dataclass(frozen=True)
class ModelCard:
    """All that har_ros knows of a network for actions.

    kind: "clip", one `network` that takes a window of frames; "encoder-decoder": the `encoder` takes a frame, the
    `decoder` a window of what the encoder made of them (N×T×D); or "sequence", one `network` that takes a window of a
    person's skeletons.
    labels: one class name per output, or the name of a text file with one per line.
    continual: whether a clip network takes each frame once, in steps, unless the user says otherwise.
    """

    name: str
    kind: Literal["clip", "encoder-decoder", "sequence"]
    description: str
    licence: str
    input: InputSpec | SkeletonSpec
    window: WindowSpec
    outputs: Literal["logits", "probabilities"]
    labels: str | tuple[str, ...]
    network: NetworkFile | None = None
    encoder: NetworkFile | None = None
    decoder: NetworkFile | None = None
    files: tuple[SourceFile, ...] = ()
    continual: bool = False

    @property
    def images(self) -> InputSpec:
        """What a frame must look like. Raises ConfigurationError for a network that takes skeletons."""
        if isinstance(self.input, SkeletonSpec):
            raise ConfigurationError(
                f"{self.name} is of kind {self.kind}, which takes people's skeletons; give it as persons_model with "
                "persons, and model none (--persons --persons-model … --model none), or a network that takes images"
            )
        return self.input

    @property
    def networks(self) -> tuple[NetworkFile, ...]:
        """The network, or encoder and decoder."""
        return tuple(network for network in (self.network, self.encoder, self.decoder) if network)

    def window_frames(self, frames: int) -> int:
        """Return the window's length for the parameter `frames` (0: the card's default). Raises ConfigurationError."""
        window = self.window
        if frames in (0, window.frames):
            return window.frames
        if window.minimum_frames is None:
            raise ConfigurationError(
                f"{self.name} cannot take {frames} frames; set frames to {window.frames}, or to 0 for the same"
            )
        if frames < window.minimum_frames or frames % window.multiple_of:
            raise ConfigurationError(
                f"{self.name} cannot take {frames} frames; set frames to a multiple of {window.multiple_of} "
                f"from {window.minimum_frames} on, or to 0 for its default of {window.frames}"
            )
        return frames

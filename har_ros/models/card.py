"""Model cards: what a network expects and what its outputs mean. YAML → frozen dataclasses."""

import re
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml

from har_ros.errors import ConfigurationError
from har_ros.files.schema import build, load_yaml, shown
from har_ros.files.text import read_text
from har_ros.frames.spec import InputSpec, WindowSpec
from har_ros.models.labels import _wrong_labels


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
    """A file that `actionnet models fetch` brings.

    checksum: "sha256:…" or "sha384:…" of the file itself; None where its publisher gives none. size: in bytes.
    member: its path in the archive (.tar.gz, .zip) at `url`, or the end of it; None: the URL is the file.
    """

    name: str
    url: str
    checksum: str | None = None
    size: int | None = None
    member: str | None = None
    package: Package | None = None


@dataclass(frozen=True)
class ModelCard:
    """All that har_ros knows of a network.

    kind: "clip", one `network` that takes a window of frames; or "encoder-decoder": the `encoder` takes a frame,
    the `decoder` a window of what the encoder made of them (N×T×D).
    labels: one class name per output, or the name of a text file with one per line.
    continual: whether a clip network takes each frame once, in steps, unless the user says otherwise.
    """

    name: str
    kind: Literal["clip", "encoder-decoder"]
    description: str
    licence: str
    input: InputSpec
    window: WindowSpec
    outputs: Literal["logits", "probabilities"]
    labels: str | tuple[str, ...]
    network: NetworkFile | None = None
    encoder: NetworkFile | None = None
    decoder: NetworkFile | None = None
    files: tuple[SourceFile, ...] = ()
    continual: bool = False

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


def load_card(path: Path) -> ModelCard:
    """Read and check a card. Raises ConfigurationError, which names the file and the field."""
    card = build(ModelCard, load_yaml(read_text(path), str(path)), str(path))
    for wrong in _impossible(card):
        raise ConfigurationError(f"{path}: {wrong}")
    return card


def card_text(card: ModelCard) -> str:
    """Return the card as load_card reads it; what has its default is left out."""
    return yaml.safe_dump(_fields(card), sort_keys=False, allow_unicode=True, width=100)


def _fields(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_fields(item) for item in value]
    if not is_dataclass(value):
        return value
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    defaults = {field.name: field.default for field in fields(value)}
    return {name: _fields(item) for name, item in given.items() if item != defaults[name]}


def _impossible(card: ModelCard) -> list[str]:
    """Name the values that have the right type and cannot be right."""
    return [*_wrong_names(card), *_wrong_networks(card), *_wrong_input(card.input), *_wrong_window(card.window)]


def _wrong_names(card: ModelCard) -> list[str]:
    wrong = []
    if not re.fullmatch(r"[\w.-]+", card.name) or set(card.name) == {"."}:
        wrong.append(f"name is {shown(card.name)}; use letters, digits, '.', '_' and '-' only")
    if not card.labels:
        wrong.append("labels has no names; give one per class")
    if isinstance(card.labels, tuple):
        wrong += _wrong_labels(card.labels)
    for i, file in enumerate(card.files):
        if file.name != PurePosixPath(file.name).name or file.name in ("", ".", ".."):
            wrong.append(f"files[{i}].name is {shown(file.name)}; give a file name without folders")
        if file.checksum and not re.fullmatch(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}", file.checksum):
            wrong.append(f"files[{i}].checksum is {shown(file.checksum)}; give sha256: or sha384: and its digits")
        if not file.url.startswith(("https://", "http://")):
            wrong.append(f"files[{i}].url is {shown(file.url)}; give one that begins with https://")
    return wrong


def _wrong_networks(card: ModelCard) -> list[str]:
    wrong = []
    for name in ("network", "encoder", "decoder"):
        given, wanted = getattr(card, name) is not None, (name == "network") == (card.kind == "clip")
        if given != wanted:
            wrong.append(
                f"{name} is {'needed in' if wanted else 'not for'} a card of kind {card.kind}; mend one of them"
            )
    if card.continual and card.kind != "clip":
        wrong.append(f"continual is true in a card of kind {card.kind}; leave it out")
    clip_layout = "T" in card.input.layout
    if clip_layout != (card.kind == "clip"):
        axis = "with" if card.kind == "clip" else "without"
        wrong.append(f"input.layout is {card.input.layout}; give one {axis} T for the kind {card.kind}")
    return wrong


def _wrong_input(spec: InputSpec) -> list[str]:
    wrong = [
        f"input.{name} is {getattr(spec, name)}; give a number from 1 to 4096"
        for name in ("height", "width")
        if not 1 <= getattr(spec, name) <= 4096
    ]
    shorter_side = spec.resize.shorter_side
    if shorter_side is not None and shorter_side < max(spec.height, spec.width):
        wrong.append(
            f"input.resize.shorter_side is {shorter_side}; give at least {max(spec.height, spec.width)}, "
            "the side that is cropped from it"
        )
    if not spec.range[0] < spec.range[1]:
        wrong.append(f"input.range is {list(spec.range)}; give the lower bound first, such as [0, 1]")
    if not all(std > 0 for std in spec.std):
        wrong.append(f"input.std is {list(spec.std)}; give numbers above 0")
    return wrong


def _wrong_window(spec: WindowSpec) -> list[str]:
    wrong = [
        f"window.{name} is {getattr(spec, name)}; give a number from 1 to 4096"
        for name in ("frames", "minimum_frames", "multiple_of")
        if getattr(spec, name) is not None and not 1 <= getattr(spec, name) <= 4096
    ]
    if spec.skip_frames < 0:
        wrong.append(f"window.skip_frames is {spec.skip_frames}; give a number from 0 on")
    if spec.sample_rate is not None and not 0 < spec.sample_rate <= 1000:
        wrong.append(f"window.sample_rate is {spec.sample_rate}; give frames per second")
    return wrong

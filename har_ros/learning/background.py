"""Windows of what is none of the classes, kept as embeddings: those that come with har_ros, and those of a file."""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError
from har_ros.files.cache import digests
from har_ros.graphs.onnx_file import network_files
from har_ros.models.card import ModelCard
from har_ros.models.locate import Model

SHIPPED = Path(__file__).parent / "backgrounds"
"""Folder of the backgrounds that come with har_ros, made by dev/background.py; the files are named after networks."""
WORLD, OFF = "world", "off"
SHORTEST_STEM = 3
"""Letters that two words share, at least, when they name one action."""


@dataclass(frozen=True)
class Background:
    """n windows: embeddings, float32 n×D, and what kind of footage each is of, in words."""

    embeddings: NDArray[np.float32]
    kinds: NDArray[np.str_]

    def without(self, labels: Iterable[str]) -> Background:
        """Return those whose kind has no word that names one of these classes, such as "wave" and "waving"."""
        kept = np.array([not any(same_action(kind, label) for label in labels) for kind in self.kinds], bool)
        return Background(self.embeddings[kept], self.kinds[kept])


def same_action(kind: str, label: str) -> bool:
    """Return whether a word of one begins with a word of the other: walk and walking, wave and waving."""
    stems = [
        [stem for word in re.findall(r"[^\W\d_]+", name.casefold()) if len(stem := word.rstrip("e")) >= SHORTEST_STEM]
        for name in (kind, label)
    ]
    return any(one.startswith(other) or other.startswith(one) for one in stems[0] for other in stems[1])


def identity(model: Model[ModelCard], frames: int) -> str:
    """Return the sha256 of what embeddings depend on: the network's files, its tensor, and the frames of a window."""
    file = model.card.network
    assert file is not None  # else it has no embedding
    parts = (digests(network_files(model.path(file.file))), file.embedding, frames)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def find_background(given: str, model: Model[ModelCard], frames: int, width: int) -> Background:
    """Return the background that `world`, `off` or a file's path names. Raises ConfigurationError.

    frames: of a window. width: numbers of an embedding. Empty where `world` has none for the network.
    """
    nothing = Background(np.zeros((0, width), np.float32), np.zeros(0, np.str_))
    if given == OFF:
        return nothing
    if given != WORLD:
        return read_background(Path(given).expanduser(), model, frames, width)
    path = SHIPPED / f"{model.card.name}.npz"
    if not path.is_file():
        return nothing
    with np.load(path, allow_pickle=False) as arrays:
        made_for = str(arrays["network"])
    return read_background(path, model, frames, width) if made_for == identity(model, frames) else nothing


def read_background(path: Path, model: Model[ModelCard], frames: int, width: int) -> Background:
    """Read a file. Raises ConfigurationError when it is no background, or one of another network."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            name, network, rows = str(arrays["name"]), str(arrays["network"]), arrays["embeddings"]
            kinds = arrays["kinds"].astype(np.str_)
            rows = rows.astype(np.float32, casting="same_kind")
    except (OSError, ValueError, KeyError, EOFError, TypeError, MemoryError, BadZipFile, zlib.error) as error:
        remedy = "give world, off, or a background.npz that actionnet teach --nothing wrote"
        raise ConfigurationError(f"--background {path} is no background ({error}); {remedy}") from None
    expected = identity(model, frames)
    if network != expected:
        raise ConfigurationError(
            f"--background {path} is of {name} (sha256 {network[:12]}…), but taught is {model.card.name} with windows "
            f"of {frames} frames (sha256 {expected[:12]}…); give one of the same network and frames"
        )
    if rows.ndim != 2 or rows.shape[1] != width or kinds.shape != rows.shape[:1] or not np.isfinite(rows).all():
        raise ConfigurationError(
            f"--background {path} has embeddings of {rows.shape} for {len(kinds)} kinds, where n×{width} finite "
            "numbers are needed; make it again"
        )
    return Background(rows.astype(np.float32), kinds)


def background_bytes(background: Background, model: Model[ModelCard], frames: int) -> bytes:
    """Return a file of the background; its embeddings have float16."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        name=model.card.name,
        network=identity(model, frames),
        embeddings=background.embeddings.astype(np.float16),
        kinds=background.kinds,
    )
    return buffer.getvalue()


def joined(parts: Iterable[Background]) -> Background:
    """Return all windows of several backgrounds."""
    parts = list(parts)
    return Background(np.concatenate([one.embeddings for one in parts]), np.concatenate([one.kinds for one in parts]))

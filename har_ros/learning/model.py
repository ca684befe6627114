"""The folder that teaching leaves: network, card, labels, figures and report; whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from har_ros.errors import ConfigurationError, HarError
from har_ros.files.results_folder import reserved
from har_ros.models.card import ModelCard, NetworkFile
from har_ros.models.card_file import card_text
from har_ros.models.locate import CARD

NETWORK, LABELS, METRICS, REPORT, CLIPS = "network.onnx", "labels.txt", "metrics.json", "report.html", "clips.csv"
TESTS, BACKGROUND = "test.csv", "background.npz"
BEFORE = ".before"
"""What the network that is replaced is called meanwhile."""
FILES = (CARD, NETWORK, LABELS, METRICS, REPORT, CLIPS, TESTS, BACKGROUND)


def check_output(folder: Path, overwrite: bool) -> None:
    """Raise ConfigurationError when the folder cannot be written at the end, before anything is computed."""
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file; give a folder for the network (-o)")
    with _workplace(folder):
        _check_content(folder, overwrite)


def _check_content(folder: Path, overwrite: bool) -> None:
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if others := [name for name in there if name not in FILES]:
        raise ConfigurationError(f"{folder} holds {others[0]}, which is no part of a network; give another folder (-o)")
    if there and not overwrite:
        raise ConfigurationError(f"{folder} holds a network already; give another folder (-o), or --overwrite")


def write_model(folder: Path, overwrite: bool, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a new folder, which then takes the place of `folder`. Raises HarError.

    Also when another process has written a network there meanwhile.
    """
    with _workplace(folder) as place:
        _check_content(folder, overwrite)
        new = place / folder.name
        new.mkdir()
        fill(new)
        if folder.exists():
            folder.replace(place / BEFORE)
        new.replace(folder)


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Lend an empty folder beside `folder` to one process at a time. Raises HarError when the disk refuses.

    What a process that was killed has left there is put back or removed.
    """
    place = folder.with_name(f".{folder.name}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with reserved(place):
            _clear(place, folder)
            try:
                yield place
            finally:
                _clear(place, folder)
                with suppress(OSError):
                    place.rmdir()
    except OSError as error:
        raise HarError(
            f"cannot write {folder} ({os.strerror(error.errno or 0)}); nothing was changed, what was computed is kept: "
            "make room, or give another folder (-o), and run it again"
        ) from None


def _clear(place: Path, folder: Path) -> None:
    """Put the network back whose place the new one did not take, and remove what is left."""
    if (place / BEFORE).is_dir() and not folder.exists():
        (place / BEFORE).replace(folder)
    for path in place.iterdir():
        shutil.rmtree(path, ignore_errors=True)


def taught_card(base: ModelCard, name: str, frames: int, network: NetworkFile, description: str) -> ModelCard:
    """Return the card of a network that was made of the base's."""
    safe = "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in name).strip(".") or "taught"
    return replace(
        base,
        name=safe,
        description=description,
        network=network,
        window=replace(base.window, frames=frames),
        outputs="logits",
        labels=LABELS,
        files=(),
    )


def write_network(folder: Path, card: ModelCard, network: bytes, labels: Sequence[str]) -> None:
    """Write the network, its card and its labels. Raises OSError."""
    (folder / NETWORK).write_bytes(network)
    (folder / LABELS).write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    (folder / CARD).write_text(card_text(card), encoding="utf-8")

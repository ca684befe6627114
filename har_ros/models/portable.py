"""A network in files that stand on their own, for a machine that has neither its card nor what it was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from har_ros.graphs.onnx_file import network_files
from har_ros.models.card import ModelCard, NetworkFile, PoseCard
from har_ros.models.card_file import card_text
from har_ros.models.locate import CARD, Model


def portable(model: Model[ModelCard]) -> dict[str, Path | bytes]:
    """Return the files of a folder that find_model takes, by their names in it. Raises HarError.

    Networks are those that backends read, and labels stand in the card.
    """
    found: dict[str, Path | bytes] = {}
    card = model.card
    moved: dict[str, Any] = {
        name: _moved(model, network, name, found)
        for name in ("network", "encoder", "decoder")
        if (network := getattr(card, name)) is not None
    }
    found[CARD] = card_text(replace(card, **moved, labels=model.labels(), files=())).encode()
    return found


def portable_pose(model: Model[PoseCard]) -> dict[str, Path | bytes]:
    """Return the files of a folder that find_pose_model takes, by their names in it. Raises HarError."""
    found: dict[str, Path | bytes] = {}
    network = _moved(model, model.card.network, "network", found)
    found[CARD] = card_text(replace(model.card, network=network, files=())).encode()
    return found


def _moved(
    model: Model[ModelCard] | Model[PoseCard], network: NetworkFile, name: str, found: dict[str, Path | bytes]
) -> NetworkFile:
    """Add a network's files. Returns it as the card has it, below a folder of its own: their names stay."""
    path = model.network_path(network)
    found.update({f"{name}/{one.relative_to(path.parent)}": one for one in network_files(path)})
    return replace(network, file=f"{name}/{path.name}", converter=None)

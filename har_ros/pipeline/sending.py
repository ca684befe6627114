"""The networks that parameters name, for a machine that may have none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from har_ros.models.locate import find_model, find_pose_model
from har_ros.models.portable import portable, portable_pose
from har_ros.pipeline.configuration import named_model


def sent_networks(values: dict[str, Any]) -> dict[str, Path | bytes]:
    """Return the files of the networks that the parameters name, by relative path. Raises HarError."""
    sent = {"model": portable(named_model(values))}
    if values["persons"]:
        sent["pose_model"] = portable_pose(find_pose_model(values["pose_model"]))
        if values["persons_model"]:
            sent["persons_model"] = portable(find_model(values["persons_model"]))
    return {f"{name}/{file}": content for name, files in sent.items() for file, content in files.items()}


def values_there(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the parameters where the networks were sent to a folder: one processor does each piece of a work."""
    sent = {name: str(folder / name) for name in ("model", "pose_model", "persons_model") if (folder / name).is_dir()}
    return {**values, **sent, "labels": "", "input_blob": "", "output_blob": "", "threads": values["threads"] or 1}

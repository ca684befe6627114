"""What becomes of the values of the node's parameters: its network, and how it is used."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from har_ros.backends.backend import BackendSettings
from har_ros.frames.sampling import StreamSettings
from har_ros.models.locate import Model, find_model
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings, check_allowed


def stream_settings(values: dict[str, Any]) -> StreamSettings:
    """Return how frames become windows. Raises ConfigurationError."""
    return StreamSettings(values["skip_frames"], values["sample_rate"], values["max_gap"], values["memory"])


def score_settings(values: dict[str, Any], labels: tuple[str, ...]) -> ScoreSettings:
    """Return what becomes of probabilities. Raises ConfigurationError."""
    names = ("top_k", "threshold", "smoothing", "hysteresis")
    allowed = tuple(values["allowed_labels"])
    check_allowed(allowed, labels)
    return ScoreSettings(**{name: values[name] for name in names}, allowed_labels=allowed)


def named_model(values: dict[str, Any]) -> Model:
    """Return the card that the parameters name. Raises HarError."""
    return find_model(*(values[name] for name in ("model", "labels", "input_blob", "output_blob")))


def open_recognizer(values: dict[str, Any]) -> Recognizer:
    """Load the network that the parameters name. Raises HarError."""
    backend = BackendSettings(**{field.name: values[field.name] for field in fields(BackendSettings)})
    names = ("frames", "labels", "input_blob", "output_blob")
    continual = {"true": True, "false": False}.get(values["continual"])
    return Recognizer.open(values["model"], backend, continual=continual, **{name: values[name] for name in names})

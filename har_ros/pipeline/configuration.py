"""From the values of the node's parameters to settings, a card and a loaded network."""

from __future__ import annotations

from typing import Any

from har_ros.backends.backend import BackendSettings
from har_ros.frames.sampling import StreamSettings
from har_ros.models.card import ModelCard
from har_ros.models.locate import Model, find_model
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings, check_allowed
from har_ros.settings import ACTIONNET


def backend_settings(values: dict[str, Any]) -> BackendSettings:
    """Return what runs the network, and how."""
    return BackendSettings(**_of("backend", values))


def stream_settings(values: dict[str, Any]) -> StreamSettings:
    """Return how frames become windows. Raises ConfigurationError."""
    return StreamSettings(**_of("stream", values))


def score_settings(values: dict[str, Any], labels: tuple[str, ...]) -> ScoreSettings:
    """Return what becomes of probabilities. Raises ConfigurationError."""
    settings = ScoreSettings(**_of("scores", values))
    check_allowed(settings.allowed_labels, labels)
    return settings


def _of(dataclass: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that fill a dataclass, lists as tuples."""
    names = [row.name for row in ACTIONNET if row.fills == dataclass]
    return {name: tuple(values[name]) if isinstance(values[name], list) else values[name] for name in names}


def named_model(values: dict[str, Any]) -> Model[ModelCard]:
    """Return the card that the parameters name. Raises HarError."""
    return find_model(*(values[name] for name in ("model", "labels", "input_blob", "output_blob")))


def open_recognizer(values: dict[str, Any]) -> Recognizer:
    """Load the network that the parameters name. Raises HarError."""
    continual = {"true": True, "false": False}.get(values["continual"])
    overrides = {name: values[name] for name in ("frames", "labels", "input_blob", "output_blob")}
    return Recognizer.open(values["model"], backend_settings(values), continual=continual, **overrides)

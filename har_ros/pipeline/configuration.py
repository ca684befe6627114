"""From the values of the node's parameters to settings, cards and labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, HarError
from har_ros.files.schema import shown
from har_ros.frames.sampling import StreamSettings
from har_ros.models.card import Card, ModelCard
from har_ros.models.locate import Model, find_model, find_pose_model
from har_ros.parameter import Parameter, unknown_names
from har_ros.persons.tracks import TrackSettings
from har_ros.pipeline.event_settings import EventSettings, load_limits
from har_ros.pipeline.scores import ScoreSettings, check_allowed
from har_ros.settings import ACTIONNET, NO_MODEL

WINDOWS_IN_ONE = 8
"""Windows of a file that begin within the length of one, where no stride was given."""
OF_WHOLE_IMAGES = (
    "labels",
    "input_blob",
    "output_blob",
    "frames",
    "continual",
    "memory",
    "sample_rate",
    "skip_frames",
    "idle",
)
"""Parameters that say nothing of people where these have a network of their own."""


def parameter_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each of the node's parameters: what is given, else the default.

    Raises ConfigurationError for what the node would refuse.
    """
    rows = {row.name: row for row in ACTIONNET}
    unknown_names(given, ACTIONNET)
    for name in given:
        if name not in rows:
            raise ConfigurationError(f"parameter {name!r} is unknown; use one of {', '.join(rows)}")
    return {name: checked(row, given.get(name, row.default)) for name, row in rows.items()}


def checked(row: Parameter, value: object) -> Any:
    """Return the value as the node would use it. Raises ConfigurationError when its type or range is wrong."""
    wanted = type(row.default)
    fits = isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
    if isinstance(value, list):
        fits = wanted is list and all(isinstance(item, str) for item in value)
    if isinstance(value, bool) and row.any_type:
        fits = True
    if fits and isinstance(value, (int, float)):
        fits = row.in_range(value)
    if not fits:
        raise ConfigurationError(f"parameter {row.name} is {shown(value)}; give {row.expected}")
    return row.read(value)


def backend_settings(values: dict[str, Any]) -> BackendSettings:
    """Return what runs the network, and how."""
    return BackendSettings(**_of("backend", values))


def stream_settings(values: dict[str, Any]) -> StreamSettings:
    """Return how frames become windows. Raises ConfigurationError."""
    return StreamSettings(**_of("stream", values))


def file_stream_settings(settings: StreamSettings, length: int) -> StreamSettings:
    """Return how the images of a file become windows of this length, where no stride was given.

    All windows of a file are recognised; a camera's, only the newest when the network is free.
    """
    return replace(settings, stride=settings.stride or max(1, length // WINDOWS_IN_ONE))


def person_stream_settings(values: dict[str, Any]) -> StreamSettings:
    """Return how frames become people's windows. Raises ConfigurationError.

    What is said of sampling is said of the cameras' network, unless people have the same. Where people are, something
    moves.
    """
    settings = replace(stream_settings(values), idle="off")
    return replace(settings, skip_frames=-1, sample_rate=0.0) if values["persons_model"] else settings


def score_settings(values: dict[str, Any], labels: tuple[str, ...], others: tuple[str, ...] = ()) -> ScoreSettings:
    """Return what becomes of a network's probabilities. Raises ConfigurationError.

    labels: the network's. others: those of another network of which allowed_labels speaks as well; one of whose classes
    none is allowed may report all.
    """
    settings = ScoreSettings(**_of("scores", values))
    check_allowed(settings.allowed_labels, (*labels, *others))
    return replace(settings, allowed_labels=tuple(one for one in settings.allowed_labels if one in labels))


def event_settings(values: Mapping[str, Any], labels: Collection[str] | None = None) -> EventSettings:
    """Return what makes an event. labels: of all networks, None where they are not known yet.

    Raises ConfigurationError when limits contradict each other, or their file cannot be used or names what is no label.
    """
    classes = load_limits(Path(values["event_limits"])) if values["event_limits"] else {}
    settings = EventSettings(**_of("events", values), classes=classes)
    settings.check()
    if labels is not None:
        settings.check_labels(labels)
    return settings


def track_settings(values: dict[str, Any]) -> TrackSettings:
    """Return how people are followed."""
    return TrackSettings(**_of("tracks", values))


def _of(dataclass: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that fill a dataclass, lists as tuples."""
    names = [row.name for row in ACTIONNET if row.fills == dataclass]
    return {name: tuple(values[name]) if isinstance(values[name], list) else values[name] for name in names}


def whole_images(values: Mapping[str, Any]) -> bool:
    """Return whether whole images are recognised, or only people."""
    return bool(values["model"] != NO_MODEL)


def check_whole_images(values: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where whole images are left out, and people as well, or something is said of them."""
    if whole_images(values):
        return
    if not values["persons"]:
        raise ConfigurationError("model is none, which leaves only people; set persons, or name a model")
    if not values["persons_model"]:
        raise ConfigurationError("persons_model is empty, the same as model, which is none; name a network for people")
    for row in ACTIONNET:
        if row.name in OF_WHOLE_IMAGES and values[row.name] != row.default:
            raise ConfigurationError(
                f"{row.name} is of the network for whole images, and model is none; leave it out, or name a model"
            )


def model_name(values: Mapping[str, Any]) -> str:
    """Return what names the network for whole images. Raises ConfigurationError where these are left out."""
    if not whole_images(values):
        raise ConfigurationError("model is none, and whole images are looked at here, too; name a model")
    return str(values["model"])


def named_model(values: dict[str, Any]) -> Model[ModelCard]:
    """Return the card that the parameters name. Raises HarError."""
    return find_model(model_name(values), *(values[name] for name in ("labels", "input_blob", "output_blob")))


def all_labels(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the labels of the networks that the parameters name, also of people's. Raises HarError."""
    return tuple(dict.fromkeys((*named_model(values).labels(), *person_labels(values))))


def network_names(values: Mapping[str, Any]) -> str:
    """Return what the networks of all_labels are called, for messages. Raises ConfigurationError."""
    people = str(values["persons_model"]) if values["persons"] else ""
    return " and ".join(filter(None, (model_name(values), people)))


def person_labels(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the labels of the network for people, none where nobody is followed. Raises HarError."""
    if not values["persons"]:
        return ()
    if not values["persons_model"]:
        return named_model(values).labels()
    with about_parameter("persons_model"):
        return find_model(values["persons_model"]).labels()


def person_networks(values: dict[str, Any]) -> tuple[list[Card], list[Path]]:
    """Return the cards and the files of the networks that people have beside the cameras'. Raises HarError."""
    pose = find_pose_model(values["pose_model"])
    cards: list[Card] = [pose.card]
    networks = [pose.network_path(pose.card.network)]
    if values["persons_model"]:
        with about_parameter("persons_model"):
            own = find_model(values["persons_model"])
        cards.append(own.card)
        networks += [own.network_path(network) for network in own.card.networks]
    return cards, networks


@contextmanager
def about_parameter(parameter: str) -> Iterator[None]:
    """Say of which parameter an error speaks that calls it model."""
    try:
        yield
    except HarError as error:
        raise type(error)(f"{parameter}: {error}") from None

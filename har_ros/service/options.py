"""What a client may ask for: those of the node's parameters that name no file of the server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from har_ros.errors import ConfigurationError, HarError, ModelError
from har_ros.files.schema import shown
from har_ros.models.card import Card, ModelCard
from har_ros.models.locate import CARD, Model, find_model, find_pose_model
from har_ros.parameter import Parameter, unknown_names
from har_ros.pipeline.configuration import all_labels, event_settings, named_model, parameter_values, score_settings
from har_ros.settings import ACTIONNET, POSE_CARDS, card_names

SERVERS = ("labels", "event_limits", "input_blob", "output_blob")
"""Options of the command that are the server's business, beside what runs the networks, and where."""
ALLOWED: tuple[Parameter, ...] = tuple(
    row for row in ACTIONNET if row.option and row.fills != "backend" and row.name not in SERVERS
)
LARGEST = 1e9
"""Whole number that is taken for one with a point."""
EXAMPLE = '{"threshold": 0.3}'


class UsableNetwork(NamedTuple):
    """A network whose files are there."""

    card: ModelCard
    labels: tuple[str, ...]


LONGEST = 32_000
"""Characters of a job's options, which lists of jobs have: enough for all classes of a network."""


class Models:
    """The networks that clients may name: those that come with har_ros, and those in folders."""

    def __init__(self, *folders: Path | None) -> None:
        """folders: with a folder for each network, as `teach` writes it. Raises ConfigurationError."""
        self._folders = [folder for folder in folders if folder is not None]
        for folder in self._folders:
            if not folder.is_dir():
                raise ConfigurationError(
                    f"{folder} is no folder; give one that holds the folders of networks (--models)"
                )

    @property
    def places(self) -> dict[str, str]:
        """The names of all networks, and what the parameter model has to be for each."""
        found = {name: name for name in card_names()}
        for folder in self._folders:
            found |= {name: str(place) for name, place in networks_in(folder).items()}
        return found

    def written(self, values: Mapping[str, Any]) -> tuple[int, ...]:
        """Return when the networks of parameters were written: others of their names may have taken their place."""
        cards = [Path(values[name]) / CARD for name in ("model", "persons_model")]
        return tuple(card.stat().st_mtime_ns for card in cards if card.is_file())

    def usable(self) -> dict[str, UsableNetwork]:
        """Return each network that can be used: whose card is valid, and whose labels and files are there."""
        return self.known()[0]

    def known(self) -> tuple[dict[str, UsableNetwork], dict[str, ModelCard]]:
        """Return what `usable` does, and the cards of the networks not all of whose files are there."""
        usable, to_fetch = {}, {}
        for name, place in self.places.items():
            with suppress(HarError, OSError):  # one may be erased meanwhile
                model = find_model(place)
                if model.missing():
                    to_fetch[name] = model.card
                else:
                    usable[name] = UsableNetwork(model.card, model.labels())
        return usable, to_fetch

    def values(self, options: Mapping[str, Any], live: bool = False) -> dict[str, Any]:
        """Return the node's parameters that a client's options stand for. Raises ConfigurationError.

        live: whether images may stay out for a while, after which a window begins again, as with the node.
        """
        if unknown := unknown_names(options, ALLOWED):
            names = ", ".join(row.name for row in ALLOWED)
            raise ConfigurationError(f"no option is called {unknown[0]}; the options are {names}")
        places = self.places
        known = {
            "model": places,
            "persons_model": {**places, "": ""},
            "pose_model": {n: n for n in card_names(POSE_CARDS)},
        }
        given = dict(options)
        for name, found in known.items():
            if name in given:
                if not isinstance(given[name], str) or given[name] not in found:
                    raise ConfigurationError(f"there is no {name} {shown(given[name])} here; {self._others(name)}")
                given[name] = found[given[name]]
        for row in ALLOWED:  # JSON's 1 is a number like 1.0
            value = given.get(row.name)
            if isinstance(row.default, float) and type(value) is int and abs(value) < LARGEST:
                given[row.name] = float(value)
        return parameter_values({"max_batch": 1, **({} if live else {"max_gap": 0.0}), **given})

    def check(self, options: Mapping[str, Any], live: bool = False) -> dict[str, Any]:
        """Return what `values` does. Raises HarError for options that a job could not be done with."""
        if (length := len(json.dumps(dict(options)))) > LONGEST:
            raise ConfigurationError(f"the options have {length} characters; give {LONGEST} at most")
        values = self.values(options, live)
        labels = all_labels(values)
        event_settings(values, labels)
        score_settings(values, labels)
        _check_networks(values)
        return values

    def _others(self, parameter: str) -> str:
        """Return what may be named instead of a network that is not known, and how to have more."""
        if parameter == "pose_model":
            return f"this server knows {', '.join(card_names(POSE_CARDS))}"
        kinds = {name: network.card.kind for name, network in self.usable().items()}
        names = [name for name, kind in kinds.items() if parameter != "model" or kind != "sequence"]
        return (
            f"this server offers {', '.join(names) or 'none'}; its page /models says how to fetch others, and "
            "actionnet serve --models FOLDER adds your own"
        )


def _check_networks(values: dict[str, Any]) -> None:
    """Raise ConfigurationError where files of a network are missing, or that for whole images takes skeletons."""
    whole = named_model(values)
    if whole.card.kind == "sequence":
        raise ConfigurationError(
            f"{whole.card.name} takes people's skeletons; give it as persons_model with persons, and another as model"
        )
    needed: list[Model[Card]] = [whole]
    if values["persons"]:
        needed.append(find_pose_model(values["pose_model"]))
        if values["persons_model"]:
            needed.append(find_model(values["persons_model"]))
    check_files(*needed)


def check_files(*models: Model[Card]) -> None:
    """Raise ConfigurationError where a network's file is not on the server; it says how to fetch it."""
    try:
        for model in models:
            for file in model.missing():
                model.path(file.name)
    except ModelError as error:
        raise ConfigurationError(str(error)) from None


def networks_in(folder: Path) -> dict[str, Path]:
    """Return the folders of the networks in a folder, without those that are being erased."""
    found = [path.parent for path in sorted(folder.glob(f"*/{CARD}"))]
    return {place.name: place for place in found if not place.name.startswith(".")}


def read_options(text: str) -> dict[str, Any]:
    """Read a client's options, a JSON object. Raises ConfigurationError."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise ConfigurationError(f"options is no JSON; give an object such as {EXAMPLE}") from None
    if not isinstance(given, dict):
        raise ConfigurationError(f"options is no JSON object; give one such as {EXAMPLE}")
    return given

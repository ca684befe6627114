"""What a form shows of the options of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from har_ros.models.locate import find_pose_model
from har_ros.parameter import Parameter
from har_ros.service.options import ALLOWED, Models
from har_ros.settings import POSE_CARDS, POSE_MODEL, card_names

FEW = ("model", "persons", "threshold")
"""Options that are shown at once; the rest can be unfolded."""
HINTS = {
    "model": "The network that says what the whole image shows: one of its classes.",
    "persons": "Follow the people, and say what each of them does, too.",
    "persons_model": "The network that says what a person does, one of its classes; empty: the same as model.",
    "pose_model": "The network that finds people.",
    "threshold": "Classes with a lower probability are left out.",
}
"""Instead of descriptions that speak of files and topics."""
Kind = Literal["choice", "switch", "number", "list"]


@dataclass(frozen=True)
class Field:
    """An option in a form. value: as it stands now. default: where it is not given. choices: of a choice.

    classes: of each network that can be chosen, what it can say.
    needs: a network that is not there, without which it cannot be set.
    """

    row: Parameter
    value: Any
    default: Any
    choices: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    needs: str = ""

    @property
    def name(self) -> str:
        """The option's name."""
        return self.row.name

    @property
    def hint(self) -> str:
        """What the option does."""
        return HINTS.get(self.name, self.row.description)

    @property
    def kind(self) -> Kind:
        """How the option is given."""
        if self.choices:
            return "choice"
        if isinstance(self.row.default, bool):
            return "switch"
        return "list" if isinstance(self.row.default, list) else "number"

    @property
    def step(self) -> str:
        """What a number is a multiple of."""
        return "any" if isinstance(self.row.default, float) else str(self.row.step)


@dataclass(frozen=True)
class Fields:
    """The options of a job: those that are shown at once, and the others by what they are about.

    to_fetch: number of networks that cannot be chosen as model, because their files are not on the server.
    """

    few: tuple[Field, ...]
    more: Mapping[str, tuple[Field, ...]]
    to_fetch: int


def fields_of(models: Models, given: Mapping[str, Any]) -> Fields:
    """Return the fields of a form. given: options that are set. One without a choice is left out."""
    networks, missing = models.known()
    every = {name: network.labels for name, network in networks.items()}
    images = {name: labels for name, labels in every.items() if networks[name].card.kind != "sequence"}
    pose = _pose_networks()
    choices = {"model": tuple(images), "persons_model": ("", *every), "pose_model": pose}
    classes = {"model": images, "persons_model": every}
    rows = [row for row in ALLOWED if choices.get(row.name) != ()]
    fields = [_field(row, given, choices.get(row.name, row.choices), classes.get(row.name, {})) for row in rows]
    if not pose:
        needed = str(POSE_MODEL.default)
        fields = [replace(one, value=False, needs=needed) if one.name == "persons" else one for one in fields]
    few = tuple(sorted((one for one in fields if one.name in FEW), key=lambda one: FEW.index(one.name)))
    more: dict[str, tuple[Field, ...]] = {}
    for one in fields:
        if one.name not in FEW:
            more[_topic(one.row)] = (*more.get(_topic(one.row), ()), one)
    return Fields(few, more, sum(card.kind != "sequence" for card in missing.values()))


def _field(
    row: Parameter, given: Mapping[str, Any], choices: tuple[str, ...], classes: Mapping[str, tuple[str, ...]]
) -> Field:
    default = row.read(row.default)
    return Field(row, given.get(row.name, default), default, choices, classes)


def _pose_networks() -> tuple[str, ...]:
    """Return the names of the networks that find people whose files are there."""
    return tuple(name for name in card_names(POSE_CARDS) if not find_pose_model(name).missing())


def _topic(row: Parameter) -> str:
    if row.needs:
        return "People"
    return {"events": "Events", "scores": "Answers"}.get(row.fills, "Windows")

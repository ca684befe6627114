"""What a form shows of the options of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from har_ros.parameter import Parameter
from har_ros.service.options import ALLOWED, Models
from har_ros.settings import POSE_CARDS, card_names

FEW = ("model", "persons", "threshold")
"""Options that are shown at once; the rest can be unfolded."""
HINTS = {
    "model": "The network that says what the whole image shows.",
    "persons": "Follow the people, and say what each of them does, too.",
    "persons_model": "The network that says what a person does; empty: the same as model.",
    "pose_model": "The network that finds people.",
    "threshold": "Classes with a lower probability are left out.",
}
"""Instead of descriptions that speak of files and topics."""
Kind = Literal["choice", "switch", "number", "list"]


@dataclass(frozen=True)
class Field:
    """An option in a form. value: as it stands now. default: of who does not give it. choices: of a choice."""

    row: Parameter
    value: Any
    default: Any
    choices: tuple[str, ...]

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
    """The options of a job: those that are shown at once, and the others by what they are about."""

    few: tuple[Field, ...]
    more: Mapping[str, tuple[Field, ...]]


def fields_of(models: Models, given: Mapping[str, Any]) -> Fields:
    """Return the fields of a form. given: options that are set."""
    cards = models.cards()
    images = tuple(name for name, card in cards.items() if card.kind != "sequence")
    choices = {"model": images, "persons_model": ("", *cards), "pose_model": tuple(card_names(POSE_CARDS))}
    fields = [_field(row, given, choices.get(row.name, row.choices)) for row in ALLOWED]
    few = tuple(sorted((one for one in fields if one.name in FEW), key=lambda one: FEW.index(one.name)))
    more: dict[str, tuple[Field, ...]] = {}
    for one in fields:
        if one.name not in FEW:
            more[_topic(one.row)] = (*more.get(_topic(one.row), ()), one)
    return Fields(few, more)


def _field(row: Parameter, given: Mapping[str, Any], choices: tuple[str, ...]) -> Field:
    default = row.read(row.default)
    return Field(row, given.get(row.name, default), default, choices)


def _topic(row: Parameter) -> str:
    if row.needs:
        return "People"
    return {"events": "Events", "scores": "Answers"}.get(row.fills, "Windows")

"""YAML → mappings → dataclasses, strictly: the type hints are the schema."""

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from har_ros.errors import ConfigurationError, one_line

T = TypeVar("T")
MOST_EVENTS = 1_000_000
"""Of a YAML text: scalars, and beginnings and ends of lists and mappings. They take about 1 GB."""
DEEPEST = 100
MOST_FAULTS = 10
"""That a message names."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, which is ten times faster, may be missing
_Start, _End = yaml.CollectionStartEvent, yaml.CollectionEndEvent


def load_yaml(text: str, where: str) -> Any:
    """Return what a YAML text holds. Raises ConfigurationError, also for what would take too much memory.

    Aliases are refused, as ROS does in parameter files: a few lines of them can stand for billions of values.
    where: what the text is, for messages.
    """
    depth = 0
    try:
        for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
            depth += isinstance(event, _Start) - isinstance(event, _End)
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.AliasEvent):
                raise ConfigurationError(f"{where}: line {line} has the alias *{event.anchor}; write out what it means")
            if depth > DEEPEST or number == MOST_EVENTS:
                much = f"is nested more than {DEEPEST} deep" if depth > DEEPEST else f"has over {MOST_EVENTS} values"
                raise ConfigurationError(f"{where} {much} at line {line}; make it simpler, or several files")
        return yaml.load(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, KeyError) as error:  # of wrong tags, too
        raise ConfigurationError(f"{where} is not YAML ({one_line(error)}); fix it") from None


Check = tuple[str, Callable[..., Iterable[str]]]
"""Names of fields, with spaces between, and a function of their values that names what is wrong with them."""
Checks = Mapping[type, Sequence[Check]]
"""What type hints cannot say of a dataclass."""


def rule(field: str, holds: Callable[[Any], object], remedy: str) -> Check:
    """Return a check of one field."""
    return field, lambda value: () if holds(value) else [f"{field} is {shown(value)}; {remedy}"]


def build(kind: type[T], value: object, where: str, checks: Checks | None = None) -> T:
    """Make the dataclass `kind` of a mapping. Raises ConfigurationError with all faults, up to MOST_FAULTS of them.

    Faults are unknown, missing and mistyped fields, and what the checks find. A check runs where the fields that it
    takes have the right type. where: what the mapping is, for messages.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(_no_mapping(where, value, kind))
    builder = _Builder(where, checks or {})
    made: T = builder.instance(kind, value, "")
    if builder.faults:
        raise builder.error()
    return made


_WRONG: Any = object()
"""Stands for a value that cannot be made."""


class _Builder:
    """Makes values as type hints have them, and gathers the faults."""

    def __init__(self, where: str, checks: Checks) -> None:
        self.faults: list[str] = []
        self._where = where
        self._checks = checks

    def error(self) -> ConfigurationError:
        """Return all faults in one message."""
        more = "; and more" if len(self.faults) > MOST_FAULTS else ""
        return ConfigurationError(f"{self._where}: {'; '.join(self.faults[:MOST_FAULTS])}{more}")

    def instance(self, kind: Any, given: Mapping[Any, object], place: str) -> Any:
        """Return a dataclass with the given fields. place: of it in the whole, such as "window"."""
        hints, values = _hints(kind), {}
        inside, prefix = (f"{place}.", f"{place}: ") if place else ("", "")
        for name in given:
            if name not in hints:
                self._note(f"{prefix}field {shown(name)} is unknown; use {', '.join(hints)}")
        for field in fields(kind):
            if field.name in given:
                values[field.name] = self._value(hints[field.name], given[field.name], inside + field.name)
            elif field.default is MISSING:
                values[field.name] = self._wrong(f"{prefix}field {field.name!r} is missing; add it")
            else:
                values[field.name] = field.default
        for names, check in self._checks.get(kind, ()):
            taken = [values[name] for name in names.split()]
            for fault in () if _any_wrong(taken) else check(*taken):
                self._note(inside + fault)
        return _WRONG if _any_wrong(values.values()) else kind(**values)

    def _value(self, hint: Any, value: object, place: str) -> Any:
        """Return the value as the type hint has it: dataclass, Literal, tuple, a plain type, or a union of these."""
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if value is None and type(None) in kinds:
            return None
        if isinstance(value, list):
            kinds = tuple(kind for kind in kinds if get_origin(kind) is tuple) or kinds
        if isinstance(value, Mapping):
            kinds = (min(kinds, key=lambda kind: _misfits(kind, value)),)
        kind = kinds[0]
        if get_origin(kind) is Literal:
            if isinstance(value, str) and value in get_args(kind):
                return value
            return self._wrong(f"{place} is {shown(value)}; use one of {', '.join(get_args(kind))}")
        if get_origin(kind) is tuple:
            return self._tuple(kind, value, place)
        if is_dataclass(kind):
            if isinstance(value, Mapping):
                return self.instance(kind, value, place)
            return self._wrong(_no_mapping(place, value, kind))
        if kind is float and type(value) is int:
            return float(str(value))  # infinite where an integer is beyond floats
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            return self._wrong(f"{place} is {shown(value)}; give a value of type {_type_name(hint)}")
        return value

    def _tuple(self, kind: Any, value: object, place: str) -> Any:
        item, *others = get_args(kind)
        length = None if Ellipsis in others else 1 + len(others)
        if not isinstance(value, list) or (length is not None and len(value) != length):
            return self._wrong(f"{place} is {shown(value)}; give a list of {length or 'values'}")
        items = tuple(self._value(item, element, f"{place}[{i}]") for i, element in enumerate(value))
        return _WRONG if _any_wrong(items) else items

    def _wrong(self, fault: str) -> Any:
        self._note(fault)
        return _WRONG

    def _note(self, fault: str) -> None:
        """Keep a fault. Raises ConfigurationError when there are enough of them for a message."""
        self.faults.append(fault)
        if len(self.faults) > MOST_FAULTS:
            raise self.error()


def _no_mapping(place: str, value: object, kind: Any) -> str:
    return f"{place} holds {shown(value)}; give a mapping with the fields of a {kind.__name__}"


def _any_wrong(values: Iterable[object]) -> bool:
    return any(value is _WRONG for value in values)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _misfits(kind: Any, given: Mapping[Any, object]) -> float:
    """Return how many of the given fields a dataclass has not, and how many that it needs are not given."""
    if not is_dataclass(kind):
        return math.inf
    known = {field.name: field.default is MISSING for field in fields(kind)}
    return sum(name not in known for name in given) + sum(known[name] and name not in given for name in known)


def _type_name(hint: Any) -> str:
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return " or ".join("list" if get_origin(kind) is tuple else kind.__name__ for kind in kinds)


def shown(value: object) -> str:
    """Return a value as it can stand in a message: what is long or deep is cut."""
    text = _SHORT.repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60

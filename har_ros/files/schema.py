"""YAML → mappings → dataclasses, strictly: the type hints are the schema."""

import reprlib
from collections.abc import Mapping
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
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where} is not YAML ({one_line(error)}); mend it") from None


def build(kind: type[T], value: object, where: str) -> T:
    """Make the dataclass `kind` of a mapping. Raises ConfigurationError for unknown, missing and mistyped fields.

    where: what the mapping is, for messages.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where} holds {shown(value)}; give a mapping with the fields of a {kind.__name__}")
    hints = _hints(kind)  # type: ignore[arg-type]
    for name in value:
        if name not in hints:
            raise ConfigurationError(f"{where}: field {shown(name)} is unknown; use {', '.join(hints)}")
    given = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in value:
            given[field.name] = _converted(hints[field.name], value[field.name], f"{where}: {field.name}")
        elif field.default is MISSING:
            raise ConfigurationError(f"{where}: field {field.name!r} is missing; add it")
    return kind(**given)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _converted(hint: Any, value: object, where: str) -> object:
    """Return the value as the type hint has it: a dataclass, a Literal, a tuple, a plain type, or a union of these."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if value is None and type(None) in kinds:
        return None
    if isinstance(value, list):
        kinds = tuple(kind for kind in kinds if get_origin(kind) is tuple) or kinds
    kind = kinds[0]
    if get_origin(kind) is Literal:
        if not isinstance(value, str) or value not in get_args(kind):
            raise ConfigurationError(f"{where} is {shown(value)}; use one of {', '.join(get_args(kind))}")
        return value
    if get_origin(kind) is tuple:
        return _converted_list(kind, value, where)
    if is_dataclass(kind):
        return build(kind, value, where)  # type: ignore[arg-type]
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise ConfigurationError(f"{where} is {shown(value)}; give a value of type {_type_name(hint)}")
    return value


def _converted_list(kind: Any, value: object, where: str) -> tuple[object, ...]:
    item, *others = get_args(kind)
    length = None if Ellipsis in others else 1 + len(others)
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise ConfigurationError(f"{where} is {shown(value)}; give a list of {length or 'values'}")
    return tuple(_converted(item, element, f"{where}[{i}]") for i, element in enumerate(value))


def _type_name(hint: Any) -> str:
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return " or ".join("list" if get_origin(kind) is tuple else kind.__name__ for kind in kinds)


def shown(value: object) -> str:
    """Return a value as it can stand in a message: what is long or deep is cut."""
    text = _SHORT.repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60

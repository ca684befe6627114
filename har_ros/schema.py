"""Mappings → dataclasses, strictly: the type hints are the schema."""

import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from har_ros.errors import ConfigurationError

T = TypeVar("T")


def build(kind: type[T], value: object, where: str) -> T:
    """Make the dataclass `kind` of a mapping. Raises ConfigurationError for unknown, missing and mistyped fields.

    where: what the mapping is, for messages.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where} holds {shown(value)}; give a mapping with the fields of a {kind.__name__}")
    hints = get_type_hints(kind)
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

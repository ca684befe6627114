"""A parameter: what its values may be, and what to say of one that may not. Imports nothing heavy, as settings.py."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from har_ros.errors import ConfigurationError

Value = str | int | float | bool | list[str]
ROS_OWN = ("use_sim_time", "qos_overrides", "start_type_description_service")
"""Prefixes of the parameters that rclpy declares for every node."""


@dataclass(frozen=True)
class Parameter:
    """One row of a table. `low` and `high` are the inclusive bounds of a number, `choices` the values of a string.

    step: a whole number is a multiple of it. needs: the parameter without which it has no effect. at_run_time: it
    can change while the node is configured. fills: the dataclass that has a field of this name: BackendSettings,
    StreamSettings, ScoreSettings, EventSettings or TrackSettings. option: `actionnet INPUT` has it as an option.
    example: a list, for messages. Where "true" and "false" are choices, the booleans stand for them; where "off" is,
    they stand for "off" and "on", which YAML reads so.
    """

    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    step: int = 1
    needs: str = ""
    at_run_time: bool = False
    fills: Literal["", "backend", "stream", "scores", "events", "tracks"] = ""
    option: bool = False
    example: str = ""

    @property
    def expected(self) -> str:
        """Description of a valid value."""
        kinds = {bool: "true or false", int: "a whole number", float: "a number with a decimal point", str: "a string"}
        text = kinds.get(type(self.default), f"a list of strings, such as {self.example}")
        if self.step > 1:
            text = f"a multiple of {self.step}"
        if self.choices:
            text = f"one of {', '.join(self.choices)}"
        return text if self.low is None else f"{text} from {self.low} to {self.high}"

    @property
    def default_text(self) -> str:
        """The default as it would be given on a command line: [image_raw], true, 0.01."""
        if isinstance(self.default, list):
            return f"[{', '.join(self.default)}]"
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)

    @property
    def any_type(self) -> bool:
        """Whether its values may have several types; an empty list has none in ROS."""
        return "true" in self.choices or "off" in self.choices or isinstance(self.default, list)

    def in_range(self, value: float) -> bool:
        """Whether a number is within the bounds, if there are any, and a multiple of a whole number's step."""
        if self.low is None or self.high is None:
            return True
        return self.low <= value <= self.high and (self.step == 1 or value % self.step == 0)

    def read(self, value: Any) -> Any:
        """Return the value in the form that is used. Raises ConfigurationError for what rclpy wrongly accepts."""
        if isinstance(self.default, list):
            return self._read_list([] if value is None else value)  # None: an empty list, as rcl passes it
        if self.any_type and isinstance(value, bool):
            spelt = ("off", "on") if "off" in self.choices else ("false", "true")
            value = spelt[value]
        if self.choices and value not in self.choices:
            raise ConfigurationError(f"parameter {self.name} is {value!r}; give {self.expected}")
        return value

    def _read_list(self, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigurationError(f"parameter {self.name} is {value!r}; give {self.expected}")
        return [item for item in value if item]


def unknown_names(given: Iterable[str], table: tuple[Parameter, ...]) -> list[str]:
    """Return the given names that are neither in the table nor ROS's own, such as another node's in a shared file.

    Raises ConfigurationError for one that is nearly a name of the table.
    """
    known = [row.name for row in table]
    unknown = [name for name in given if name not in known and not name.startswith(ROS_OWN)]
    for name in unknown:
        if similar := difflib.get_close_matches(name, known, 1):
            raise ConfigurationError(f"parameter {name!r} is unknown; did you mean {similar[0]}?")
    return unknown


def changed(
    table: tuple[Parameter, ...], values: dict[str, Any], changes: dict[str, Any], configured: bool
) -> dict[str, Any]:
    """Return the values of a table with some of them changed. Raises ConfigurationError when one may not."""
    rows = [row for row in table if row.name in changes]
    read = {row.name: row.read(changes[row.name]) for row in rows}
    for row in rows:
        if configured and not row.at_run_time and read[row.name] != values[row.name]:
            raise ConfigurationError(
                f"parameter {row.name} is read-only while the node is configured; deactivate it and clean it up "
                "(ros2 lifecycle set), set the parameter, and configure it again"
            )
    return {**values, **read}

"""A run of the benchmark in a file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from figures import Figure
from har_ros.errors import ConfigurationError
from har_ros.files.results_folder import atomic


@dataclass
class Run:
    """What was measured, and where. options: seconds and minutes. took: seconds of each part."""

    machine: dict[str, Any]
    options: dict[str, Any]
    parts: dict[str, list[Figure]] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)

    def find(self, part: str, name: str) -> Figure | None:
        """Return a figure, or None where it was not measured."""
        return next((figure for figure in self.parts.get(part, ()) if figure.name == name), None)

    def write(self, path: Path) -> None:
        """Write it as JSON. Raises HarError."""
        parts = {
            name: {"took": round(self.took[name], 1), "figures": [_as_json(figure) for figure in figures]}
            for name, figures in self.parts.items()
        }
        with atomic(path) as file:
            content = {"machine": self.machine, "options": self.options, "parts": parts}
            json.dump(content, file, indent=1, ensure_ascii=False, allow_nan=False)
            file.write("\n")

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read what `write` wrote. Raises ConfigurationError."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            parts = {name: [_figure(one) for one in part["figures"]] for name, part in content["parts"].items()}
            took = {name: float(part["took"]) for name, part in content["parts"].items()}
            return cls(dict(content["machine"]), dict(content["options"]), parts, took)
        except OSError as error:
            why = error.strerror or str(error)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            why = f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"{path} is no earlier run of the benchmark ({why}); make one with --json {path}")


def _as_json(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "value": figure.value if math.isfinite(figure.value) else None,
        "unit": figure.unit,
        "spread": figure.spread,
        "aim": figure.aim,
        "detail": figure.detail,
        "values": figure.values,
        "interval": figure.interval,
    }


def _figure(content: dict[str, Any]) -> Figure:
    values = tuple(float(value) for value in content["values"])
    ends = content["interval"]
    interval = (float(ends[0]), float(ends[1])) if ends else None
    return Figure(content["name"], values, content["unit"], content["aim"], content["detail"], interval)

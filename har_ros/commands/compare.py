"""Compare an evaluation with an earlier one."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console
from rich.table import Table

from har_ros.commands.shared.parser import Parser
from har_ros.evaluate.compare import Change, compare, load_metrics
from har_ros.evaluate.window_figures import FIGURES
from har_ros.files.console import cell


def run(arguments: list[str]) -> int:
    """`actionnet compare`. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet compare", description="Show what changed between two evaluations.")
    parser.add_argument("before", type=Path, help="a folder of results, or its metrics.json")
    parser.add_argument("after", type=Path, help="another one, of the same recordings and truth")
    options = parser.parse_args(arguments)
    change = compare(load_metrics(options.before), load_metrics(options.after))
    console = Console()
    table = Table("figure", "before", "after", "", box=None)
    for row in change.figures:
        verdict = {True: "better", False: "worse", None: ""}[row.better]
        table.add_row(dict(FIGURES)[row.name], _number(row.before.value), _number(row.after.value), verdict)
    console.print(table)
    console.print(changes_table(change))
    return 0


def changes_table(change: Change) -> Table:
    """Return the changes of each class as a table."""
    table = Table("label", "segments", "before", "after", "difference (95 %)", "p", "", box=None, title="right windows")
    for row in (change.overall, *change.classes):
        low, high = _number(row.difference.low, "+"), _number(row.difference.high, "+")
        difference = _number(row.difference.value, "+") + (f" ({low} … {high})" if low else "")
        values = str(row.segments), _number(row.before), _number(row.after), difference, _number(row.p)
        table.add_row(cell(row.label), *values, "significant" if row.significant else "")
    return table


def _number(value: float, sign: str = "") -> str:
    """Return three digits, nothing for NaN."""
    return f"{value:{sign}.3f}" if math.isfinite(value) else ""

"""Say whether an evaluation is better than an earlier one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from har_ros.evaluate.compare import compare, load_metrics
from har_ros.evaluate.figures import FIGURES
from har_ros.files.console import cell
from har_ros.files.results_folder import finite


def run(arguments: list[str]) -> int:
    """`actionnet compare`. Returns the exit status. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet compare", description="Say what changed between two evaluations.")
    parser.add_argument("before", type=Path, help="a folder of results, or its metrics.json")
    parser.add_argument("after", type=Path, help="another of the same recordings and truth")
    options = parser.parse_args(arguments)
    change = compare(load_metrics(options.before), load_metrics(options.after))
    console = Console()
    table = Table("figure", "before", "after", "", box=None)
    for row in change["figures"]:
        values = [f"{row[name]['value']:.3f}" if row[name]["value"] is not None else "" for name in ("before", "after")]
        verdict = {True: "better", False: "worse", None: ""}[row["better"]]
        table.add_row(dict(FIGURES)[row["name"]], *values, verdict)
    console.print(table)
    console.print(changes_table(change))
    return 0


def changes_table(change: dict[str, Any]) -> Table:
    """Return what compare.compare found for each class as a table."""
    table = Table("label", "segments", "before", "after", "difference (95 %)", "p", "", box=None, title="right windows")
    for row in (change["overall"], *change["classes"]):
        row = finite(row)
        difference = row["difference"]
        interval = f" ({difference['low']:+.3f} … {difference['high']:+.3f})" if difference["low"] is not None else ""
        said = "significant" if row["significant"] else ""
        values = [f"{row[name]:.3f}" if row[name] is not None else "" for name in ("before", "after")]
        value = f"{difference['value']:+.3f}{interval}" if difference["value"] is not None else ""
        p = row.get("p_corrected", row["p"])
        table.add_row(cell(row["label"]), str(row["segments"]), *values, value, f"{p:.3f}", said)
    return table

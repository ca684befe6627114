"""`make bench`: what har_ros adds to the bare network, and what a node does hour after hour.

make bench                                          # all parts
make bench ARGS="--list"                            # what they are, and how long each takes
make bench ARGS="host-time backends --json new.json --against old.json"
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench_run import Run
from figures import Change, Figure, shown
from har_ros.errors import HarError
from machine import BUSY, machine
from measure import keep_to_this_machine
from part import Bench
from parts import PARTS
from progress import PartsProgress, duration

WIDTH = 140
"""Columns of what goes to a file."""


def main() -> int:
    """Measure the parts, and print a table of each. Returns the exit status."""
    options = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nodes and cameras end, too
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    with TemporaryDirectory() as folder:
        bench = Bench(options.seconds, options.minutes, Path(folder))
        if options.list:
            console.print(listed(bench))
            return 0
        try:
            earlier = Run.read(options.against) if options.against else None
            return measure(options, bench, console, earlier)
        except HarError as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure (all)")
    parser.add_argument("--list", action="store_true", help="name the parts, and how long they take")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each measurement (15)")
    parser.add_argument("--minutes", type=float, default=1.0, help="length of those of log and memory (1)")
    parser.add_argument("--times", type=int, default=1, help="measure each part so many times (1); six give a spread")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with what an earlier run wrote")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture of one node with 1 to 16 cameras")
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    options.parts = [part for part in PARTS if part in options.parts or not options.parts]
    if options.plot and "many-cameras" not in options.parts:
        parser.error("--plot draws what many-cameras measures; add that part")
    if min(options.seconds, options.minutes, options.times) <= 0:
        parser.error("--seconds, --minutes and --times must be above 0")
    return options


def listed(bench: Bench) -> Table:
    """Return a table of the parts."""
    table = Table("part", "what it measures", "takes about", title="Parts of make bench")
    for name, part in PARTS.items():
        table.add_row(name, part.summary, duration(part.expected(bench)))
    table.add_row("all", "", duration(sum(part.expected(bench) for part in PARTS.values())))
    return table


def measure(options: argparse.Namespace, bench: Bench, console: Console, earlier: Run | None) -> int:
    """Measure part by part; what one has measured is printed and written before the next. Returns the exit status."""
    keep_to_this_machine()
    found = Run(machine(), {"seconds": bench.seconds, "minutes": bench.minutes, "times": options.times})
    introduce(found, earlier, console)
    expected = {name: PARTS[name].expected(bench) * options.times for name in options.parts}
    failed = False
    with PartsProgress(console, expected) as progress:
        for name in options.parts:
            progress.begin(name)
            start = time.monotonic()
            try:
                figures = PARTS[name].run(bench, options.times)
            except Exception as error:  # the others can still be measured
                console.print(f"{name} failed: {error or type(error).__name__}", style="red", highlight=False)
                if not isinstance(error, HarError):
                    traceback.print_exc()
                failed = True
                continue
            found.parts[name], found.took[name] = figures, time.monotonic() - start
            console.print(table(name, found, earlier))
            if options.json:
                found.write(options.json)
    if options.plot and "many-cameras" in found.parts:
        from plot import draw  # matplotlib, which the others do without

        draw(found.parts["many-cameras"], options.plot)
    return int(failed)


def introduce(run: Run, earlier: Run | None, console: Console) -> None:
    """Say what is measured on, and what makes its figures doubtful."""
    here = run.machine
    console.print(f"{here['cores']} cores of {here['cpu']}, commit {here['commit'][:12] or 'unknown'}", highlight=False)
    if here["busy cores before"] > BUSY:
        console.print(
            f"The machine is busy: others use {here['busy cores before']:.1f} cores, so figures will be worse than on "
            "a quiet one and vary more; stop the others, or trust ratios at most.",
            style="yellow",
            highlight=False,
        )
    if earlier is None:
        return
    for what in ("cpu", "cores"):
        if earlier.machine.get(what) != here[what]:
            console.print(
                f"The earlier run was on another machine ({what}: {earlier.machine.get(what)}); compare ratios only.",
                style="yellow",
                highlight=False,
            )
    if earlier.options != run.options:
        console.print(f"The earlier run had other options: {earlier.options}.", style="yellow", highlight=False)


def table(part: str, run: Run, earlier: Run | None) -> Table:
    """Return a part's figures: beside them their spread, and how they compare with earlier ones."""
    title = f"{part}: {PARTS[part].summary} ({duration(run.took[part])})"
    caption = "≠: beyond both spreads" if earlier else None
    result = Table(title=Text(title), caption=caption, title_justify="left", box=SIMPLE_HEAD)
    figures = run.parts[part]
    columns = {
        "figure": [figure.name for figure in figures],
        "measured": [f"{shown(figure.value)} {figure.unit}".strip() for figure in figures],
        "95 % interval": [spread(figure) for figure in figures],
        "/ earlier": [change(figure, earlier.find(part, figure.name) if earlier else None) for figure in figures],
        "aim": [figure.aim for figure in figures],
        "details": [figure.detail for figure in figures],
    }
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    for name in columns:
        result.add_column(name, no_wrap=name in ("measured", "/ earlier", "aim"), min_width=8)
    for row in zip(*columns.values(), strict=True):
        result.add_row(*map(Text, row))
    return result


def change(figure: Figure, earlier: Figure | None) -> str:
    """Write how a figure compares with an earlier one."""
    return "" if earlier is None else str(Change.of(figure, earlier))


def spread(figure: Figure) -> str:
    """Write the ends of a figure's spread, and of how many values it is."""
    if figure.spread is None:
        return ""
    times = f" ({len(figure.values)}×)" if len(figure.values) > 1 else ""
    return f"{shown(figure.spread[0])} to {shown(figure.spread[1])}{times}"


if __name__ == "__main__":
    raise SystemExit(main())

"""What a node does hour after hour: how evenly it answers, and what it uses and writes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from scipy.stats import linregress, t

from figures import once
from har_ros.errors import counted
from har_ros.stats.intervals import rate
from inputs import CAMERAS, RATE
from measure import Setting, cpu_time, measure, memory, running
from part import Bench, Figures
from without_ros import MODEL

HOUR = 3600.0
SETTLED = 10.0
"""Seconds after which what a node says once has been said."""


def jitter(bench: Bench) -> Figures:
    """By how much two answers of a camera are further apart, or closer together, than their images (RFC 3550)."""
    for name, model, number in (
        ("small network", bench.small, 1),
        ("small network", bench.small, CAMERAS),
        ("I3D", MODEL, CAMERAS),
    ):
        found = np.array(measure(Setting(number, model), bench.seconds).jitter or [np.nan])
        what = f"{name}, {counted(number, 'camera')} at {RATE:.0f} images/s: jitter"
        figures = {"mean": found.mean(), "99 %": np.percentile(found, 99), "max": found.max()}
        yield [once(f"{what}, {which}", float(value), "ms") for which, value in figures.items()]


def idle_cpu(bench: Bench) -> Figures:
    """CPU of an active node with I3D while none of its four cameras sends anything."""
    with running(Setting(CAMERAS, MODEL, silent=True)) as (counter, nodes):
        counter.wait_for_nodes()
        counter.serve(SETTLED)
        before, start = cpu_time(nodes), time.perf_counter()
        counter.serve(bench.seconds)
        share = (cpu_time(nodes) - before) / (time.perf_counter() - start)
    yield [once(f"CPU while no image comes, {CAMERAS} cameras", 100 * share, "% of a core")]


def log_lines(bench: Bench) -> Figures:
    """Lines that a node writes in its first seconds, and an hour from then on, with images and without."""
    for silent, what in ((False, "with images"), (True, "while no image comes")):
        path = bench.folder / "node.log"
        with path.open("wb") as log, running(Setting(CAMERAS, bench.small, silent=silent), log) as (counter, _):
            if silent:
                counter.wait_for_nodes()
            else:
                counter.wait()
            counter.serve(SETTLED)
            first, start = _lines(path), time.perf_counter()
            counter.serve(60 * bench.minutes)
            hours, more = (time.perf_counter() - start) / HOUR, _lines(path) - first
        found = rate(more, hours)
        written = f"{more} in {60 * hours:.1f} min"
        yield [
            once(f"log lines at the start, {CAMERAS} cameras, {what}", first, "lines"),
            once(
                f"log lines, {CAMERAS} cameras, {what}",
                found.value,
                "lines/h",
                detail=written,
                interval=(found.low, found.high),
            ),
        ]


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def memory_slope(bench: Bench) -> Figures:
    """How fast a node's resident memory grows: the slope of a line through one value a second.

    What it does in as long a time before that is not counted: it fills its windows, and malloc its arenas.
    """
    times: list[float] = []
    sizes: list[float] = []
    with running(Setting(CAMERAS, bench.small)) as (counter, nodes):
        counter.wait()
        counter.serve(60 * bench.minutes)
        start = time.perf_counter()
        while len(times) < 3 or times[-1] < 60 * bench.minutes:
            counter.serve(1.0)
            times.append(time.perf_counter() - start)
            sizes.append(memory(nodes))
    line = linregress(np.array(times) / HOUR, sizes)
    slope, error = float(line.slope), float(line.stderr * t.ppf(0.975, len(times) - 2))
    ends = slope - error, slope + error
    detail = f"{sizes[0]:.1f} to {sizes[-1]:.1f} MB in {times[-1] / 60:.1f} min"
    yield [once(f"memory growth, {CAMERAS} cameras, small network", slope, "MB/h", detail=detail, interval=ends)]

"""Events beside the windows' first answers, with the parameters as they are and with others.

python benchmarks/events_default.py DATA, a folder with falls, yoga, fights and jhmdb

Both are made of the same probabilities, which are kept in --build: computing those takes the time. Hysteresis, and the
parameters of events, are chosen on other footage than that on which they are measured: the hysteresis with the best
segmental F1 (at an overlap of 0.25), and, of the events with fewer changes than that has, those with the best F1.
Figures of several sets are means over them. Intervals are by bootstrap over people, or over streams no two of which
have a source in common; those over all footage by Student's t.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from event_streams import POSE_MODEL, makers, streams_of
from event_ways import Counts, EventsWith, FirstAnswers, Way, measured
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import stdtrit

from har_ros.backends.backend import BackendSettings
from har_ros.evaluate.event_figures import OVERLAPS
from har_ros.learning.people import PeopleFinder
from har_ros.stats.comparison import mean_interval
from har_ros.stats.metrics import Floats

HYSTERESES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
STARTS, ENDS, MIN_DURATIONS, SMOOTHINGS = (0.4, 0.5, 0.6, 0.7, 0.8), (0.2, 0.3, 0.4), (0.5, 1.0, 2.0), (0.0, 1.0)
AS_THEY_ARE: Way = EventsWith()
ANSWERS: list[Way] = [FirstAnswers(hysteresis) for hysteresis in HYSTERESES]
MIDDLE: list[Way] = [FirstAnswers(hysteresis, smoothing, True) for smoothing in SMOOTHINGS for hysteresis in HYSTERESES]
EVENTS: list[Way] = [EventsWith(*one) for one in product(STARTS, ENDS, MIN_DURATIONS, SMOOTHINGS)]
BASELINES: dict[str, Sequence[Way]] = {
    "hysteresis to 0.3": ANSWERS[:4],
    "hysteresis to 0.8": ANSWERS,
    "hysteresis to 0.8, smoothed or not, from the windows' middle on": MIDDLE,
}
"""What first answers are chosen of, by its name."""
CANDIDATES: dict[str, Sequence[Way]] = {
    "events": EVENTS,
    "events without smoothing": [EventsWith(*one) for one in product(STARTS, ENDS, MIN_DURATIONS)],
}
"""What events are chosen of, by its name."""
FOOTAGE = {"everyday": "falls", "kinetics": "yoga"}
"""Sets whose footage another one shows, too, by the first word of their names."""
Sets = Mapping[str, Mapping[Way, Counts]]


def main() -> None:
    """Print the figures of each set, and what is better by how much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--build", type=Path, default=Path("build/event_streams"), help="folder for the probabilities")
    parser.add_argument("--sets", nargs="+", help="only these")
    options = parser.parse_args()
    finder = PeopleFinder(POSE_MODEL, 0, BackendSettings())
    made = makers(options.data, finder)
    streams = {
        name: streams_of(name, made[name], options.build) for name in track(options.sets or list(made), "streams")
    }
    finder.close()
    ways = [*ANSWERS, *MIDDLE, *EVENTS]
    report({name: measured(own, ways) for name, own in track(streams.items(), "figures")}, Console(width=170))


def report(sets: Sets, console: Console) -> None:
    """Print it. sets: what was measured of each."""
    chosen = {name: chosen_elsewhere(name, sets) for name in sets}
    for name, counts in sets.items():
        console.print(shown(name, counts, chosen[name]))
    for what in BASELINES:
        pairs = {name: (AS_THEY_ARE, chosen[name][what]) for name in sets}
        console.print(compared(f"events as they are, less first answers ({what}) as chosen elsewhere", sets, pairs))
    pairs = {name: (AS_THEY_ARE, as_many(counts)) for name, counts in sets.items()}
    console.print(compared("events as they are, less first answers with as many changes", sets, pairs))
    for what, first in product(CANDIDATES, [*BASELINES][:2]):
        pairs = {name: (chosen[name][what], chosen[name][first]) for name in sets}
        console.print(compared(f"{what} less first answers ({first}), both as chosen elsewhere", sets, pairs))
    for what in CANDIDATES:
        pairs = {name: (chosen[name][what], AS_THEY_ARE) for name in sets}
        console.print(compared(f"{what} as chosen elsewhere, less those as they are", sets, pairs))
    for base, (what, ways) in product((best(list(sets.values()), ANSWERS[:4]), AS_THEY_ARE), CANDIDATES.items()):
        where = {way: better(sets, way, base) for way in ways}
        most = max(where.values())
        those = "; ".join(str(way) for way in where if where[way] == most)
        console.print(f"{what}, better in both than {base} in {most} of {len(sets)} sets, the most: {those}")


def chosen_elsewhere(name: str, sets: Sets) -> dict[str, Way]:
    """Return what is chosen without the footage of a set, of each of BASELINES and of CANDIDATES."""
    others = [one for other, one in sets.items() if footage(other) != footage(name)]
    if not others:
        raise SystemExit(f"nothing is left to choose by for {name}; give sets of several kinds of footage")
    own = {what: best(others, ways) for what, ways in BASELINES.items()}
    fewer = own["hysteresis to 0.3"]
    return {**own, **{what: best(others, ways, fewer) for what, ways in CANDIDATES.items()}}


def footage(name: str) -> str:
    """Return which footage a set shows."""
    first = name.partition(",")[0]
    return FOOTAGE.get(first, first)


def best(sets: Sequence[Mapping[Way, Counts]], ways: Iterable[Way], fewer: Way | None = None) -> Way:
    """Return the way with the best mean F1, of equals the one with fewer changes.

    fewer: only of those that have fewer changes than this one, as a mean of the sets' ratios; the one with the fewest
    where none has.
    """

    def rate(way: Way) -> float:
        return float(np.mean([one[way].rate()[0] / max(1e-9, one[fewer or ANSWERS[0]].rate()[0]) for one in sets]))

    ways = list(ways)
    if fewer is not None:
        ways = [way for way in ways if rate(way) < 1] or [min(ways, key=rate)]
    return max(ways, key=lambda way: (np.mean([one[way].f1()[0] for one in sets]), -rate(way)))


def as_many(counts: Mapping[Way, Counts]) -> Way:
    """Return the first answers whose number of changes is nearest to that of events as they are; needs no truth."""
    return min(ANSWERS, key=lambda way: abs(float(counts[way].rate()[0] - counts[AS_THEY_ARE].rate()[0])))


def better(sets: Sets, way: Way, other: Way) -> int:
    """Return in how many sets a way has a better F1 and fewer changes than another."""
    pairs = [(one[way], one[other]) for one in sets.values()]
    return sum(bool(one.f1()[0] > two.f1()[0] and one.rate()[0] < two.rate()[0]) for one, two in pairs)


def shown(name: str, counts: Mapping[Way, Counts], chosen: Mapping[str, Way]) -> Table:
    """Return the figures of a set."""
    one = next(iter(counts.values()))
    title = f"{name}: {int(one.true.sum())} segments, {one.minutes.sum():.1f} min, {len(one.true)} groups"
    table = Table("", *(f"F1@{overlap:g}" for overlap in OVERLAPS), "edit", "changes a minute", title=title)
    rows = {str(way): way for way in ANSWERS}
    rows[f"as many changes: {as_many(counts)}"] = as_many(counts)
    rows |= {f"chosen elsewhere: {way}": way for way in chosen.values()}
    for what, way in {**rows, f"as they are: {AS_THEY_ARE}": AS_THEY_ARE}.items():
        f1 = [f"{counts[way].f1(f'{overlap:g}')[0]:.3f}" for overlap in OVERLAPS]
        table.add_row(what, *f1, f"{counts[way].edit()[0]:.2f}", f"{counts[way].rate()[0]:.1f}")
    return table


def compared(title: str, sets: Sets, pairs: Mapping[str, tuple[Way, Way]]) -> Table:
    """Return how much better the first way is than the second. pairs: of each set."""
    table = Table("", "F1@0.25", "95 %", "edit", "changes a minute", "95 %", "of", title=title)
    of_footage: dict[str, list[tuple[float, float, float]]] = {}
    for name, (way, other) in pairs.items():
        one, base = sets[name][way], sets[name][other]
        f1, edit, rate = one.f1() - base.f1(), one.edit() - base.edit(), one.rate() - base.rate()
        own = float(f1[0]), float(edit[0]), float(rate[0])
        of_footage.setdefault(footage(name), []).append(own)
        ends = [interval(each, len(one.said)) for each in (f1, rate)]
        table.add_row(name, *_cells(own, ends), f"{base.rate()[0]:.1f}")
    means = np.array([np.mean(own, axis=0) for own in of_footage.values()])
    f1, edit, rate = means.mean(axis=0).tolist()
    ends = [mean_interval(means[:, at]) for at in (0, 2)]
    table.add_row(f"mean of {len(means)} kinds of footage", *_cells((f1, edit, rate), ends), "")
    return table


def _cells(values: tuple[float, float, float], ends: Sequence[tuple[float, float]]) -> list[str]:
    f1, edit, rate = values
    (low, high), (fewest, most) = ends
    return [f"{f1:+.3f}", f"{low:+.2f} to {high:+.2f}", f"{edit:+.2f}", f"{rate:+.1f}", f"{fewest:+.1f} to {most:+.1f}"]


def interval(values: Floats, groups: int) -> tuple[float, float]:
    """Return the ends of a difference's interval, as in stats.intervals, which has none below 0. values: as there."""
    samples = values[1:][np.isfinite(values[1:])]
    if groups < 2 or len(samples) < 2:
        return np.nan, np.nan
    half = float(stdtrit(groups - 1, 0.975)) * float(samples.std()) * (groups / (groups - 1)) ** 0.5
    return float(values[0]) - half, float(values[0]) + half


if __name__ == "__main__":
    main()

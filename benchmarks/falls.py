"""Falls of people who were not taught with: `python benchmarks/falls.py FOLDER`, the folder of GMDCSA24's clips.

Each of three people is held out in turn. A network of skeletons is taught with the others' falls: their first two
seconds are `falling`, the rest is `lying`, and what else these people do is `none`. `--elsewhere` gives recordings in
which nobody falls, each a part: in them, alarms of the network that is taught with all three are counted. The tables
are of windows above a limit, of events, and of events whose limit was chosen without the person, or the part, to which
it is applied. `--network everyday-14` is what `actionnet teach --skeletons` takes unless it is told otherwise.
`--nothing` is that of `actionnet teach`: use other recordings than those.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from fall_events import FALLING, Counts, Watched, an_hour
from rich.console import Console
from rich.table import Table

from har_ros.backends.backend import BackendSettings
from har_ros.learning.background import WORLD
from har_ros.learning.class_folders import videos_in
from har_ros.learning.dataset import Dataset, load_dataset
from har_ros.learning.embedders import Settings
from har_ros.learning.people import PeopleFinder
from har_ros.pipeline.recognizer import Recognizer
from har_ros.teach.teach import teach
from videos import answers_by_person, people_of

NETWORK = "joint-motion"
LYING, OTHER = "lying", "none"
LASTS = 2.0
"""Seconds from the start of a fall that are falling."""
LIMITS = (0.5, 0.7, 0.75, 0.8, 0.9)
"""Probabilities of a fall above which there is an alarm."""


@dataclass(frozen=True)
class Segment:
    """What somebody does in a video, in seconds."""

    video: str
    subject: str
    start: float
    end: float
    falls: bool


@dataclass(frozen=True)
class Seen:
    """What was said of a window: its seconds, and the probability of a fall."""

    start: float
    end: float
    falling: float

    def meets(self, span: tuple[float, float]) -> bool:
        """Whether it shows something of a span of seconds."""
        return self.start < span[1] and self.end > span[0]


@dataclass(frozen=True)
class Video:
    """What is said of the people in a video, by the windows' ends; its falls and its length, in seconds."""

    windows: list[Seen]
    falls: tuple[tuple[float, float], ...]
    seconds: float

    @property
    def elsewhere(self) -> list[Seen]:
        """The windows that show nothing of a fall."""
        return [one for one in self.windows if not any(one.meets(fall) for fall in self.falls)]

    @property
    def background(self) -> float:
        """Seconds without a fall."""
        return self.seconds - sum(end - start for start, end in self.falls)

    def delay(self, fall: tuple[float, float], limit: float) -> float | None:
        """Return how many seconds after its start a fall raises an alarm; None: it does not."""
        return next((one.end - fall[0] for one in self.windows if one.falling > limit and one.meets(fall)), None)

    def alarms(self, limit: float) -> int:
        """Return how many alarms there are without a fall: windows that meet are one."""
        false = [one for one in self.elsewhere if one.falling > limit]
        return sum(number == 0 or one.start > false[number - 1].end for number, one in enumerate(false))


@dataclass(frozen=True)
class Spoken:
    """What is said of a video, as windows and as events."""

    windows: Video
    events: Watched


def main() -> None:
    """Print what is found, how late, and how often nobody fell, for each limit."""
    options, settings = options_of(__doc__, NETWORK, WORLD)
    console, segments = Console(), list(read(options.folder / "segments.csv"))
    subjects = sorted({segment.subject for segment in segments})
    finder = PeopleFinder("movenet-multipose", 0, BackendSettings())
    held_out: dict[str, list[Spoken]] = {}
    for subject in subjects:
        own = sorted({one.video for one in segments if one.subject == subject})
        others = [one for one in segments if one.subject != subject]
        paths = [options.folder / video for video in own]
        held_out[subject] = _tried(options.folder, settings, others, segments, [paths], finder)[0]
    watched = [videos_of(path) for path in options.elsewhere]
    found = _tried(options.folder, settings, segments, segments, watched, finder) if watched else []
    elsewhere = {path.name: videos for path, videos in zip(options.elsewhere, found, strict=True)}
    finder.close()
    console.print(
        "windows", listed(*([one.windows for one in chain(*each.values())] for each in (held_out, elsewhere)))
    )
    counts = Counts(*({name: [one.events for one in each[name]] for name in each} for each in (held_out, elsewhere)))
    console.print("events", counts.listed(), "events, the limit chosen by the others", counts.chosen_by_others())


def options_of(description: str | None, network: str, background: str) -> tuple[argparse.Namespace, Settings]:
    """Return the options, and what they say of teaching. network, background: the defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", default=network)
    parser.add_argument("--background", default=background, help=f"as for actionnet teach ({background})")
    parser.add_argument("--nothing", type=Path, help="as for actionnet teach")
    parser.add_argument("--elsewhere", type=Path, nargs="+", default=[], help="videos, or folders of them")
    options = parser.parse_args()
    return options, Settings(options.network, background=options.background, nothing=options.nothing)


def videos_of(path: Path) -> list[Path]:
    """Return the videos anywhere in a folder; a file is itself."""
    return videos_in(path) if path.is_dir() else [path]


def listed(held_out: Sequence[Video], elsewhere: Sequence[Video]) -> Table:
    """Return a row for each limit."""
    seconds = sum(video.background for video in held_out)
    table = Table("limit", "falls found", "delay, median (s)", f"alarms in {seconds:.0f} s", "an hour elsewhere (95 %)")
    for limit in LIMITS:
        falls = [(video, fall) for video in held_out for fall in video.falls]
        delays = [delay for video, fall in falls if (delay := video.delay(fall, limit)) is not None]
        alarms = sum(video.alarms(limit) for video in held_out)
        late = f"{np.median(delays):.2f} ({min(delays):.1f} to {max(delays):.1f})" if delays else ""
        false = sum(video.alarms(limit) for video in elsewhere)
        row = (f"{limit}", f"{len(delays)} of {len(falls)}", late, str(alarms))
        table.add_row(*row, an_hour(false, sum(video.seconds for video in elsewhere)) if elsewhere else "")
    return table


def read(path: Path) -> Iterator[Segment]:
    """Yield the segments of GMDCSA24's file."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            times = float(row["start"]), float(row["end"])
            yield Segment(row["video"], row["subject"], *times, falls=row["label"].startswith("Fall"))


def _tried(
    folder: Path,
    settings: Settings,
    taught: Sequence[Segment],
    segments: Sequence[Segment],
    parts: Sequence[Sequence[Path]],
    finder: PeopleFinder,
) -> list[list[Spoken]]:
    """Return what a network that was taught with some segments says of videos, in their parts."""
    with TemporaryDirectory() as name:
        network = _taught(folder, taught, Path(name), settings)
        with Recognizer.open(str(network), skeletons=True) as recognizer:
            return [[_spoken(path, recognizer, finder, segments) for path in paths] for paths in parts]


def _taught(folder: Path, segments: Sequence[Segment], place: Path, settings: Settings) -> Path:
    """Teach with these segments; returns the network's folder."""
    dataset = write_segments(folder, segments, place)
    teach(dataset, place / "falls", settings, BackendSettings(), False, Console(stderr=True, quiet=True))
    return place / "falls"


def write_segments(folder: Path, segments: Sequence[Segment], place: Path) -> Dataset:
    """Return the dataset of what these segments teach, whose file and links to videos are written into a folder."""
    for name in {segment.video for segment in segments}:
        (place / name).symlink_to((folder / name).resolve())
    with (place / "segments.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["bag", "subject", "start", "end", "label"])
        rows.writerows((s.video, s.subject, s.start, s.end, label) for one in segments for s, label in parts(one))
    return load_dataset(place / "segments.csv", "", "subject")


def parts(segment: Segment) -> Iterator[tuple[Segment, str]]:
    """Yield what a segment teaches: of a fall, its beginning and the rest."""
    if not segment.falls:
        yield segment, OTHER
        return
    end = min(segment.end, segment.start + LASTS)
    yield replace(segment, end=end), FALLING
    if segment.end > end:
        yield replace(segment, start=end), LYING


def _spoken(path: Path, recognizer: Recognizer, finder: PeopleFinder, segments: Sequence[Segment]) -> Spoken:
    """Return what is said of everybody's windows, one for each skeleton."""
    people, place = people_of(path, finder), recognizer.labels.index(FALLING)
    first, last = int(people.stamps[0]), int(people.stamps[-1])
    seconds = (last - first) / 1e9
    falls = [(one.start, min(one.end, seconds)) for one in segments if one.video == path.name and one.falls]
    said = answers_by_person(people, recognizer)
    seen = [
        Seen((one.start - first) / 1e9, (one.end - first) / 1e9, float(one.prediction.evidence[place]))
        for one in sorted(chain.from_iterable(said), key=lambda result: result.end)
    ]
    return Spoken(Video(seen, tuple(falls), seconds), Watched(said, recognizer.labels, first, falls, seconds))


if __name__ == "__main__":
    main()

"""Falls of people who were not taught with: `python benchmarks/falls.py FOLDER`, the folder of GMDCSA24's clips.

Each of three people is held out in turn. A network of skeletons is taught with the others' falls: their first two
seconds are `falling`, the rest is `lying`, and what else these people do is `none`. `--elsewhere` gives recordings in
which nobody falls: in them, alarms of the network that is taught with all three are counted. `--nothing` is that of
`actionnet teach`: use other recordings than those.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import chi2

from har_ros.backends.backend import BackendSettings
from har_ros.learning.background import WORLD
from har_ros.learning.class_folders import videos_in
from har_ros.learning.dataset import Dataset, load_dataset
from har_ros.learning.embedders import Settings
from har_ros.learning.people import PeopleFinder
from har_ros.pipeline.recognizer import Recognizer
from har_ros.teach.teach import teach
from videos import answers, people_of

NETWORK = "everyday-14"
FALLING, LYING, OTHER = "falling", "lying", "none"
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


def main() -> None:
    """Print what is found, how late, and how often nobody fell, for each limit."""
    options, settings = options_of(__doc__, NETWORK, WORLD)
    console, segments = Console(), list(read(options.folder / "segments.csv"))
    subjects = sorted({segment.subject for segment in segments})
    finder = PeopleFinder("movenet-multipose", 0, BackendSettings())
    held_out: list[Video] = []
    for subject in subjects:
        own = sorted({one.video for one in segments if one.subject == subject})
        others = [one for one in segments if one.subject != subject]
        paths = [options.folder / video for video in own]
        held_out += _tried(options.folder, settings, others, segments, paths, finder)
    paths = [video for path in options.elsewhere for video in videos_of(path)]
    elsewhere = _tried(options.folder, settings, segments, segments, paths, finder) if paths else []
    finder.close()
    console.print(listed(held_out, elsewhere))


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


def an_hour(count: int, seconds: float) -> str:
    """Return how many there are in an hour, with Poisson's exact interval."""
    hours = seconds / 3600
    low, high = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, chi2.ppf(0.975, 2 * count + 2) / 2
    return f"{count / hours:.0f} ({low / hours:.0f} to {high / hours:.0f}): {count} in {seconds:.0f} s"


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
    videos: Sequence[Path],
    finder: PeopleFinder,
) -> list[Video]:
    """Return what a network that was taught with some segments says of videos."""
    with TemporaryDirectory() as name:
        network = _taught(folder, taught, Path(name), settings)
        with Recognizer.open(str(network), skeletons=True) as recognizer:
            found = []
            for video in videos:
                windows, seconds = _windows(video, recognizer, finder)
                own = [one for one in segments if one.video == video.name and one.falls]
                falls = tuple((one.start, min(one.end, seconds)) for one in own)
                found.append(Video(windows, falls, seconds))
    return found


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


def _windows(path: Path, recognizer: Recognizer, finder: PeopleFinder) -> tuple[list[Seen], float]:
    """Return what is said of everybody's windows, one for each skeleton, by their ends; and the video's length."""
    people, place = people_of(path, finder), recognizer.labels.index(FALLING)
    first, last = int(people.stamps[0]), int(people.stamps[-1])
    seen = [
        Seen((one.start - first) / 1e9, (one.end - first) / 1e9, float(one.prediction.evidence[place]))
        for one in answers(people, recognizer)
    ]
    return seen, (last - first) / 1e9


if __name__ == "__main__":
    main()

"""Falls of people who were not taught with: `python benchmarks/falls.py FOLDER`, the folder of GMDCSA24's clips.

Each of three people is held out in turn. A network of skeletons is taught with the others' falls and what else they do.
It raises an alarm when it is surer of a fall than it was in any window of anything else that the others did, each of
them seen by what was taught with the other one only.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from har_ros.backends.backend import BackendSettings
from har_ros.learning.dataset import load_dataset
from har_ros.learning.lesson import Settings
from har_ros.learning.people import PeopleFinder
from har_ros.pipeline.recognizer import Recognizer
from har_ros.teach.teach import teach
from videos import answers, people_of

NETWORK = "everyday-14"
FALLING, OTHER = "falling", "none"
LEAST = 0.5
"""Probability of a fall below which nothing is one."""


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
    """Print what is found, and how late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", default=NETWORK)
    options = parser.parse_args()
    console, segments = Console(), list(read(options.folder / "segments.csv"))
    table = Table("held out", "limit", "falls found", "delays (s)", "false alarms", "background (s)")
    delays, alarms = [], 0
    finder = PeopleFinder("movenet-multipose", 0, BackendSettings())
    subjects = sorted({segment.subject for segment in segments})
    for subject in subjects:
        others = [other for other in subjects if other != subject]
        limit = LEAST
        for other in others:  # seen by what was taught with the third one
            (third,) = set(others) - {other}
            tried = _tried(options.folder, segments, other, [third], finder, options.network)
            limit = max(limit, *(one.falling for video in tried for one in video.elsewhere))
        found: list[float] = []
        false, background = 0, 0.0
        for video in _tried(options.folder, segments, subject, others, finder, options.network):
            found += [delay for fall in video.falls if (delay := video.delay(fall, limit)) is not None]
            false += video.alarms(limit)
            background += video.background
        falls = sum(segment.falls for segment in segments if segment.subject == subject)
        delays += found
        alarms += false
        late = ", ".join(f"{delay:.1f}" for delay in found)
        table.add_row(subject, f"{limit:.2f}", f"{len(found)} of {falls}", late, str(false), f"{background:.0f}")
    finder.close()
    falls = sum(segment.falls for segment in segments)
    table.add_row("all", "", f"{len(delays)} of {falls}", f"median {np.median(delays):.2f}", str(alarms), "")
    console.print(table)


def read(path: Path) -> Iterator[Segment]:
    """Yield the segments of GMDCSA24's file."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            times = float(row["start"]), float(row["end"])
            yield Segment(row["video"], row["subject"], *times, falls=row["label"].startswith("Fall"))


def _tried(
    folder: Path, segments: list[Segment], subject: str, others: list[str], finder: PeopleFinder, network: str
) -> list[Video]:
    """Return what a network that was taught with the others says of a subject's videos."""
    with TemporaryDirectory() as name:
        taught = _taught(folder, [one for one in segments if one.subject in others], Path(name), network)
        with Recognizer.open(str(taught), skeletons=True) as recognizer:
            videos = []
            for video in sorted({one.video for one in segments if one.subject == subject}):
                windows, seconds = _windows(folder / video, recognizer, finder)
                falls = tuple(
                    (one.start, min(one.end, seconds)) for one in segments if one.video == video and one.falls
                )
                videos.append(Video(windows, falls, seconds))
    return videos


def _taught(folder: Path, segments: list[Segment], place: Path, network: str) -> Path:
    """Teach with these segments; returns the network's folder."""
    for name in {segment.video for segment in segments}:
        (place / name).symlink_to(folder / name)
    with (place / "segments.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["bag", "subject", "start", "end", "label"])
        rows.writerows((s.video, s.subject, s.start, s.end, FALLING if s.falls else OTHER) for s in segments)
    several = len({segment.subject for segment in segments}) > 1
    dataset = load_dataset(place / "segments.csv", "", "subject" if several else "")
    teach(dataset, place / "falls", Settings(network), BackendSettings(), False, Console(stderr=True, quiet=True))
    return place / "falls"


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

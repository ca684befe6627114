"""Streams of real footage whose truth is known, and what networks say of their windows: for events_default.py.

Falls are videos as they are. Of the other data, clips of one person, of the sources of a fold, or of JHMDB's first test
part follow each other as in one stream; clips of the same class, one after another, are one segment. Nothing is said by
a network that was taught with the same person or source, nor with a part of it.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from fall_events import FALLING
from falls import LYING, parts, read, write_segments
from jhmdb_streams import jhmdb
from numpy.typing import NDArray
from rich.console import Console
from skeletons import ACTIONS

from har_ros.backends.backend import BackendSettings
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import SECOND
from har_ros.frames.window import Frame
from har_ros.learning.background import WORLD
from har_ros.learning.dataset import Dataset, load_dataset
from har_ros.learning.embedders import Settings
from har_ros.learning.people import PeopleFinder
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.source import open_source
from har_ros.teach.teach import teach
from videos import answers_to, people_of

POSE_MODEL, MOTION, EVERYDAY, I3D = "movenet-multipose", "joint-motion", "everyday-14", "i3d-kinetics-400"
APART = SECOND // 25
"""Nanoseconds from the last frame of a clip to the first of the next."""
SIDE = 256
"""Of images, of which I3D takes the middle: all of a stream have one size, else its window starts over."""
FOLDS, SOURCES, TOGETHER = 3, 3, 3
"""Of the sources of fights: folds, how many a stream shows, and clips of each class of a source, at most."""
Span = tuple[int, int, str]
"""Start and end in nanoseconds, and the label."""
Part = tuple[str, Sequence[Frame]]
"""A label, and what is seen meanwhile."""


@dataclass(frozen=True)
class Stream:
    """What a network said of the windows of a stream, and what is true.

    group: of what belongs together. times: int64 n×4: start, until, end and restarts, see Result. probabilities:
    float32 n×labels.
    """

    name: str
    group: str
    labels: tuple[str, ...]
    truth: tuple[Span, ...]
    times: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def moments(self) -> list[tuple[int, int, int, int]]:
        """The rows of times."""
        return [(start, until, end, restarts) for start, until, end, restarts in self.times.tolist()]


def recorded(
    name: str, group: str, recognizer: Recognizer, frames: Iterable[Frame], truth: Sequence[Span]
) -> Stream | None:
    """Return what is said of every window that these frames give; None: there is none."""
    results = answers_to(recognizer, frames)
    if not results:
        return None
    times = np.array([(result.start, result.until, result.end, result.restarts) for result in results])
    rows = np.stack([result.prediction.evidence.astype(np.float32) for result in results])
    return Stream(name, group, recognizer.labels, tuple(truth), times, rows)


def chained(clips: Iterable[Part]) -> Iterator[tuple[str, Frame]]:
    """Yield the frames of clips, with their labels, as if these followed each other."""
    now = 0
    for label, frames in clips:
        shift = now - frames[0].stamp if frames else 0
        for frame in frames:
            now = frame.stamp + shift
            yield label, replace(frame, stamp=now)  # type: ignore[type-var]
        now += APART


def spans_of(frames: Iterable[tuple[str, Frame]]) -> list[Span]:
    """Return the truth: neighbours of the same label are one."""
    spans: list[Span] = []
    for label, frame in frames:
        if spans and spans[-1][2] == label:
            spans[-1] = (spans[-1][0], frame.stamp, label)
        else:
            spans.append((frame.stamp, frame.stamp, label))
    return spans


def chain_of(name: str, group: str, recognizer: Recognizer, clips: Iterable[Part]) -> Stream | None:
    """Return what is said of clips that follow each other."""
    frames = list(chained(clips))
    return recorded(name, group, recognizer, (frame for _, frame in frames), spans_of(frames))


def taught(dataset: Dataset, place: Path, network: str, background: str) -> Path:
    """Teach as `actionnet teach` does; returns the network's folder."""
    settings = Settings(network, background=background)
    teach(dataset, place / "taught", settings, BackendSettings(), False, Console(stderr=True, quiet=True))
    return place / "taught"


def skeletons_of(path: Path, finder: PeopleFinder) -> list[Frame]:
    """Return the skeletons of whoever is seen longest."""
    people = sorted(people_of(path, finder).skeletons().values(), key=len)
    return list(people[-1]) if people else []


def images_of(path: Path) -> list[Frame]:
    """Return the middle of each image, SIDE×SIDE."""
    found: list[Frame] = []
    for frame in open_source(str(path)):
        height, width = frame.pixels.shape[:2]
        scale = SIDE / min(height, width)
        small = cv2.resize(frame.pixels, (max(SIDE, round(width * scale)), max(SIDE, round(height * scale))))
        top, left = (small.shape[0] - SIDE) // 2, (small.shape[1] - SIDE) // 2
        pixels = np.ascontiguousarray(small[top : top + SIDE, left : left + SIDE], np.uint8)
        found.append(CameraImage.of_array(pixels, frame.stamp))
    return found


Look = Callable[[Path], list[Frame]]


def falls(data: Path, network: str, background: str, continual: bool, look: Look) -> Iterator[Stream | None]:
    """Yield videos of each person, of a network that was taught with the others: falling and lying."""
    folder = data / "falls"
    segments = list(read(folder / "segments.csv"))
    for subject in sorted({one.subject for one in segments}):
        with TemporaryDirectory() as place:
            others = write_segments(folder, [one for one in segments if one.subject != subject], Path(place))
            path = taught(others, Path(place), network, background)
            with Recognizer.open(str(path), skeletons=True, continual=continual) as recognizer:
                for video in sorted({one.video for one in segments if one.subject == subject}):
                    frames = look(folder / video)
                    first, last = frames[0].stamp, frames[-1].stamp
                    own = chain.from_iterable(parts(one) for one in segments if one.video == video)
                    truth = [_span(one.start, one.end, label, first, last) for one, label in own]
                    spans = [span for span in truth if span[2] in (FALLING, LYING) and span[0] < span[1]]
                    yield recorded(video, subject, recognizer, frames, spans or [(first, last, "none")])


def _span(start: float, end: float, label: str, first: int, last: int) -> Span:
    return first + round(start * SECOND), min(last, first + round(end * SECOND)), label


def everyday(data: Path, finder: PeopleFinder) -> Iterator[Stream | None]:
    """Yield the videos of the falls, of a network that knows walking, sitting and standing, and comes with har_ros."""
    folder = data / "falls"
    with (folder / "segments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with Recognizer.open(EVERYDAY, skeletons=True) as recognizer:
        for video, subject in sorted({(row["video"], row["subject"]) for row in rows}):
            frames = skeletons_of(folder / video, finder)
            first, last = frames[0].stamp, frames[-1].stamp
            own = [row for row in rows if row["video"] == video and row["label"] in ACTIONS]
            truth = [_span(float(row["start"]), float(row["end"]), ACTIONS[row["label"]], first, last) for row in own]
            yield recorded(video, subject, recognizer, frames, truth or [(first, last, "none")])


def yoga(data: Path, network: str, background: str, continual: bool, look: Look) -> Iterator[Stream | None]:
    """Yield the clips of each person, one after another, of a network that was taught with the others.

    Poses of fewer than three people are none, and not taught.
    """
    clips = sorted((data / "yoga").glob("*/*/*.mp4"))
    people = {pose: {path.parent.name for path in clips if path.parts[-3] == pose} for pose in {*map(_pose, clips)}}
    taught_with = [path for path in clips if len(people[_pose(path)]) > 2]
    for person in sorted({path.parent.name for path in clips}):
        own = sorted((path for path in clips if path.parent.name == person), key=lambda path: path.name)
        with TemporaryDirectory() as place:
            _link((path for path in taught_with if path.parent.name != person), data / "yoga", Path(place) / "clips")
            path = taught(load_dataset(Path(place) / "clips"), Path(place), network, background)
            with Recognizer.open(str(path), skeletons=True, continual=continual) as recognizer:
                shown = ((_pose(path) if path in taught_with else "none", look(path)) for path in own)
                yield chain_of(person, person, recognizer, shown)


def _pose(path: Path) -> str:
    return path.parts[-3]


def _link(paths: Iterable[Path], folder: Path, place: Path) -> None:
    for path in paths:
        link = place / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())


def fights(data: Path) -> Iterator[Stream | None]:
    """Yield clips of the sources that have both classes, of a network that was taught with others: both classes."""
    folder = data / "fights"
    with (folder / "sources.csv").open(newline="") as file:
        sources = {row["clip"]: row["source"] for row in csv.DictReader(file)}
    runs: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for clip, source in sorted(sources.items()):
        runs[source].setdefault(clip.partition("/")[0], []).append(clip)
    names = np.random.default_rng(0).permutation(sorted(name for name, of in runs.items() if len(of) > 1)).tolist()
    for fold in range(FOLDS):
        held_out = names[fold::FOLDS]
        with TemporaryDirectory() as place:
            clips = Path(place) / "clips"
            _link((folder / clip for clip, source in sources.items() if source not in held_out), folder, clips)
            (clips / "sources.csv").symlink_to((folder / "sources.csv").resolve())
            path = taught(load_dataset(clips), Path(place), I3D, "off")
            with Recognizer.open(str(path), continual=True) as recognizer:
                for number in range(0, len(held_out), SOURCES):
                    own = held_out[number : number + SOURCES]
                    of_classes = chain.from_iterable(runs[name].values() for name in own)
                    order = [clip for of_class in of_classes for clip in of_class[:TOGETHER]]
                    name = "+".join(own)
                    shown = ((clip.partition("/")[0], images_of(folder / clip)) for clip in order)
                    yield chain_of(name, name, recognizer, shown)


def kinetics(data: Path) -> Iterator[Stream | None]:
    """Yield a person's yoga, between videos of people at home, of I3D as it is: yoga."""
    home = sorted((data / "falls").glob("*.mp4"))
    people = sorted((data / "yoga").glob("*/*/*.mp4"), key=lambda path: path.name)
    names = sorted({path.parent.name for path in people})
    with Recognizer.open(I3D, continual=True) as recognizer:
        for number, name in enumerate(names):
            own = [path for path in people if path.parent.name == name]
            others = home[number :: len(names)]
            order = chain.from_iterable(
                [("yoga", path), ("none", other)] for path, other in zip(own, others, strict=False)
            )
            yield chain_of(name, name, recognizer, ((label, images_of(path)) for label, path in order))


def makers(data: Path, finder: PeopleFinder) -> dict[str, Callable[[], Iterator[Stream | None]]]:
    """Return what makes each set of streams, by its name."""

    def look(path: Path) -> list[Frame]:
        return skeletons_of(path, finder)

    return {
        "falls, skeletons": lambda: falls(data, MOTION, WORLD, False, look),
        "everyday, skeletons": lambda: everyday(data, finder),
        "yoga, skeletons": lambda: yoga(data, MOTION, WORLD, False, look),
        "jhmdb, skeletons": lambda: jhmdb(data / "jhmdb" / "jhmdb.npz", chain_of),
        "yoga, images": lambda: yoga(data, I3D, "off", True, images_of),
        "falls, images": lambda: falls(data, I3D, "off", True, images_of),
        "fights, images": lambda: fights(data),
        "kinetics, images": lambda: kinetics(data),
    }


def streams_of(name: str, make: Callable[[], Iterable[Stream | None]], folder: Path) -> list[Stream]:
    """Return a set of streams, which is kept in a folder."""
    path = folder / f"{name.replace(', ', '-')}.npz"
    if not path.is_file():
        made = [stream for stream in make() if stream]
        folder.mkdir(parents=True, exist_ok=True)
        known = [{"name": s.name, "group": s.group, "labels": s.labels, "truth": s.truth} for s in made]
        arrays = {f"{what}_{n}": getattr(s, what) for n, s in enumerate(made) for what in ("times", "probabilities")}
        np.savez_compressed(path, known=np.array(json.dumps(known)), **arrays)
    with np.load(path, allow_pickle=False) as kept:
        return [
            Stream(
                one["name"],
                one["group"],
                tuple(one["labels"]),
                tuple((start, end, label) for start, end, label in one["truth"]),
                kept[f"times_{n}"],
                kept[f"probabilities_{n}"],
            )
            for n, one in enumerate(json.loads(str(kept["known"])))
        ]

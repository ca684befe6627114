"""Falls of people who were not taught with, seen by a network of images: the twin of falls.py, with its options.

Each taught head is applied to the embeddings that teaching keeps in the cache, as in the network that `actionnet teach`
writes: of windows that begin half a window after each other, 1.3 s with I3D. A node looks more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from fall_events import FALLING
from falls import Seen, Segment, Video, listed, options_of, read, videos_of, write_segments
from rich.console import Console
from rich.progress import track
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from har_ros.backends.backend import BackendSettings
from har_ros.learning.background import OFF
from har_ros.learning.embed import Embedder, Windows
from har_ros.learning.embedders import Settings, open_embedder
from har_ros.learning.head import Head
from har_ros.learning.lesson import learn_from
from har_ros.recordings.bag import open_recording
from har_ros.teach.nothing import with_background
from har_ros.teach.teach import fitted

Watched = tuple[Path, Windows, float]
"""A video, its windows, and its seconds."""


def main() -> None:
    """Print what is found, how late, and how often nobody fell, for each limit."""
    options, settings = options_of(__doc__, "i3d-kinetics-400", OFF)
    console, segments = Console(stderr=True), list(read(options.folder / "segments.csv"))
    names = sorted({one.video for one in segments})
    held_out: list[Video] = []
    with open_embedder(settings, BackendSettings()) as embedder:
        own = [seen(embedder, options.folder / name) for name in track(names, "falls", console=console)]
        for subject in sorted({segment.subject for segment in segments}):
            theirs = {one.video for one in segments if one.subject == subject}
            head, place = taught(embedder, options.folder, [s for s in segments if s.subject != subject], settings)
            held_out += [said(one, head, place, segments) for one in own if one[0].name in theirs]
        head, place = taught(embedder, options.folder, segments, settings)
        found: list[Video] = []
        for what in options.elsewhere:
            shown = track(videos_of(what), what.name, console=console)
            videos = [said(seen(embedder, path), head, place, ()) for path in shown]
            console.print(what.name, listed(held_out, videos))
            found += videos
    Console().print(listed(held_out, found))


def taught(embedder: Embedder, folder: Path, segments: Sequence[Segment], settings: Settings) -> tuple[Head, int]:
    """Return what teach would put behind the network, and the number of the class falling."""
    console = Console(stderr=True, quiet=True)
    with TemporaryDirectory() as name:
        dataset = write_segments(folder, segments, Path(name))
        lesson = learn_from(embedder, dataset, settings, console)
        samples, _, _ = with_background(embedder, lesson, console)
        with threadpool_limits(1):
            return fitted(samples)[0], samples.labels.index(FALLING)


def seen(embedder: Embedder, path: Path) -> Watched:
    """Return the windows of a video, and its seconds."""
    [windows] = embedder.look_at(path)
    return path, windows, open_recording(path).duration


def said(found: Watched, head: Head, place: int, segments: Sequence[Segment]) -> Video:
    """Return what a head says of a video."""
    path, windows, seconds = found
    scores = softmax(head.logits(windows.embeddings[:, 0]), axis=1)[:, place]
    falls = tuple((one.start, min(one.end, seconds)) for one in segments if one.video == path.name and one.falls)
    times = zip(windows.start - windows.first, windows.end - windows.first, scores, strict=True)
    return Video([Seen(start / 1e9, end / 1e9, float(score)) for start, end, score in times], falls, seconds)


if __name__ == "__main__":
    main()

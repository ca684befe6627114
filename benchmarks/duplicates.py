"""How many near-duplicates are found, and how many of those found are none: among real clips and twins made of them.

python benchmarks/duplicates.py FOLDER…, with videos anywhere in it

Half of the videos (--seed) get a twin: a part of it, mirrored or not, at half the size, from coarse JPEG by MPEG-4, and
less a share of the picture at each border (--lost). A twin is found that is in one group with its video. Whatever pair
is of two videos counts as false, unless --also names it, because its pictures show the same moments.
--all-pairs compares every window with every other, too, which takes minutes, and says what the index misses. --windows
makes so many of those of the videos, by mixing two at a time, and says how long that takes, and how much memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.stats import binomtest

from har_ros.frames.window import Clip
from har_ros.learning import duplicates
from har_ros.learning.class_folders import videos_in
from har_ros.learning.duplicates import Pair, joined, near_duplicates
from har_ros.learning.embed import hop_of, looks
from har_ros.learning.samples import Example, Samples
from har_ros.learning.windows import windows
from har_ros.models.locate import find_model
from har_ros.recordings.bag import open_recording
from har_ros.stats.metrics import Ints

MODEL = "i3d-kinetics-400"


def main() -> None:
    """Print recall and precision with their 95 % intervals, and what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--also", nargs=2, type=Path, action="append", default=[], metavar="VIDEO", help="a true pair")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lost", type=float, default=0.0, metavar="SHARE", help="of the twins' picture at each border")
    parser.add_argument("--all-pairs", action="store_true")
    parser.add_argument("--windows", type=int, nargs="*", default=[])
    options = parser.parse_args()
    videos = [path for one in options.folders for path in videos_in(one)]
    rng = np.random.default_rng(options.seed)
    with TemporaryDirectory() as place:
        chosen = np.sort(rng.permutation(len(videos))[: (len(videos) + 1) // 2])
        twins = [
            write_twin(videos[i], Path(place) / f"{i}.mp4", rng, options.lost) for i in track(chosen, "writing twins")
        ]
        samples = looked_at([*videos, *twins])
    true = {(int(i), len(videos) + number) for number, i in enumerate(chosen)}
    known = {frozenset(path.resolve() for path in pair) for pair in options.also}
    began = time.perf_counter()
    alike = near_duplicates(samples)
    took = time.perf_counter() - began
    found, hits = as_numbers(alike), joins(samples, alike, true)
    names = [str(path) for path in videos] + [f"the twin of {videos[i]}" for i in chosen]
    sources = [path.resolve() for path in (*videos, *(videos[i] for i in chosen))]
    false = {pair for pair in found - true if frozenset(sources[i] for i in pair) not in known}
    for what, pairs in (("missed", true - hits), ("false", false)):
        for one, other in sorted(pairs):
            print(f"{what}: {names[one]} and {names[other]}")
    print(f"{len(videos)} videos, {len(twins)} twins, {len(samples.looks)} windows: {took:.1f} s")
    print(f"recall {share(len(hits), len(true))}, precision {share(len(found - false), len(found))}")
    if options.all_pairs:
        everything = without_index(samples)
        print(f"compared with all: recall {share(len(joins(samples, everything, true)), len(true))},")
        print(f"{len(everything)} pairs, of which the index joins {len(joins(samples, alike, as_numbers(everything)))}")
    for count in options.windows:
        many = mixed(samples, count, rng)
        began = time.perf_counter()
        alike = near_duplicates(many)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{count} windows: {time.perf_counter() - began:.1f} s, {len(alike)} pairs, peak {memory} MB")


def as_numbers(pairs: Sequence[Pair]) -> set[tuple[int, int]]:
    """Return the numbers of the pairs' examples."""
    return {(pair.one, pair.other) for pair in pairs}


def joins(samples: Samples, pairs: Sequence[Pair], of: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return those of other pairs whose examples are joined by pairs that were found."""
    groups = joined(samples, pairs).groups
    return {(one, other) for one, other in of if groups[one] == groups[other]}


def without_index(samples: Samples) -> list[Pair]:
    """Return the pairs that are found when every window is compared with every other."""

    def candidates(tree: object, described: object, window: object, owner: object, sides: Ints) -> tuple[Ints, Ints]:
        one, other = np.nonzero(sides[:, None] != sides)
        return one, other

    with patch.object(duplicates, "_candidates", candidates):
        return near_duplicates(samples)


def mixed(samples: Samples, count: int, rng: np.random.Generator) -> Samples:
    """Return so many windows, of four in a recording: each is made of two others, which are moved in time and place."""

    def moved() -> NDArray[np.float32]:
        looks = samples.looks[rng.integers(len(samples.looks))]
        return np.roll(looks, [rng.integers(size) for size in looks.shape], (0, 1, 2)).astype(np.float32)

    shares = rng.uniform(0.3, 0.7, count).tolist()
    made = np.stack([(one * moved() + (1 - one) * moved()).astype(np.uint8) for one in shares])
    owner = np.arange(count) // 4
    examples = tuple(Example(str(i), Path(str(i)), "", 0, str(i), 0, 1) for i in range(int(owner[-1]) + 1))
    return Samples(("any",), examples, owner, np.zeros((count, 1, 1), np.float32), made)


def write_twin(video: Path, twin: Path, rng: np.random.Generator, lost: float) -> Path:
    """Write six to nine tenths of a video again: at half the size, mirrored or not.

    lost: share of the picture at each of its borders that the twin is without.
    """
    capture = cv2.VideoCapture(str(video))
    rate, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    size = tuple(int(capture.get(what) // 4 * 2) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    length = int(rng.uniform(0.6, 0.9) * count)
    first, mirrored = int(rng.uniform(0, count - length)), rng.random() < 0.5
    quality = int(rng.integers(30, 80))
    writer = cv2.VideoWriter(str(twin), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    for number in range(first + length):
        picture = capture.read()[1]
        if picture is not None and number >= first:
            y, x = (round(lost * side) for side in picture.shape[:2])
            picture = picture[y : picture.shape[0] - y, x : picture.shape[1] - x]
            small = cv2.resize(picture[:, ::-1] if mirrored else picture, size, interpolation=cv2.INTER_AREA)
            coarse = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            writer.write(np.asarray(cv2.imdecode(coarse, cv2.IMREAD_COLOR)))
    writer.release()
    return twin


def looked_at(paths: Sequence[Path]) -> Samples:
    """Return the looks of the videos' windows, as teaching takes them; the embeddings are not needed."""
    card = find_model(MODEL).card
    length = card.window_frames(0)

    def see(clip: Clip) -> NDArray[np.uint8]:
        return looks(clip.frames)

    seen = []
    for path in track(paths, "looking"):
        [camera] = windows(open_recording(path), card, length, hop_of(length), see)[1].values()
        seen.append(np.stack([window.seen for window in camera]))
    examples = tuple(Example(str(path), path, "", 0, str(path), 0, 1) for path in paths)
    owner = np.repeat(np.arange(len(paths)), [len(one) for one in seen])
    return Samples(("any",), examples, owner, np.zeros((len(owner), 1, 1), np.float32), np.concatenate(seen))


def share(hits: int, count: int) -> str:
    """Return a share with its 95 % interval."""
    interval = binomtest(hits, count).proportion_ci(method="wilson")
    return f"{hits / count:.3f} ({hits} of {count}; {interval.low:.3f} to {interval.high:.3f})"


if __name__ == "__main__":
    main()

"""What everyday-14 says of people in real videos, window by window as in the node, and what it costs.

python benchmarks/skeletons.py DATA [--model NETWORK]

DATA: a folder with falls/*.mp4, falls/segments.csv and yoga/*/*/*.mp4
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
from openvino import Core
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

from har_ros.backends.backend import BackendSettings
from har_ros.learning.people import PeopleFinder
from har_ros.models.locate import find_model
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.truth.labelling import overlap
from har_ros.truth.segments import Segment, load_truth
from videos import answers, people_of

POSE_MODEL, MODEL = "movenet-multipose", "everyday-14"
ACTIONS = {"Walking": "walk", "Sitting": "sit", "Standing": "stand"}
"""Labels of the falls' segments → what the network calls it: its sit and stand hold for people who stay so, too."""
NOTHING = "nothing"
LENGTH, JOINTS = 32, 13
TOGETHER = 16
"""Windows in a batch."""


def main() -> None:
    """Print what each segment of the falls and each video of yoga is taken for, and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--skip", type=int, default=0, help="images that are left out between two, for slow cameras")
    parser.add_argument("--model", default=MODEL, help="another network with the same classes")
    options = parser.parse_args()
    finder = PeopleFinder(POSE_MODEL, 0, BackendSettings())
    with closing(finder), Recognizer.open(options.model, skeletons=True) as recognizer:
        falls = sorted((options.data / "falls").glob("*.mp4"))
        segments = load_truth(options.data / "falls" / "segments.csv")
        yoga = sorted((options.data / "yoga").glob("*/*/*.mp4"))
        said = {path: answers(people_of(path, finder), recognizer, options.skip) for path in track([*falls, *yoga])}
        console = Console()
        rows = [row for path in falls for row in judged(path, segments, said[path])]
        rows += [("yoga", path.parts[-3], NOTHING, Counter(map(first, said[path]))) for path in yoga if said[path]]
        console.print(listed(rows), summary(rows))
    console.print(f"a window, OpenVINO, in ms: {costs()}")


def first(result: Result) -> str:
    """Return the label with the highest probability."""
    return result.prediction.hypotheses[0].label


Row = tuple[str, str, str, "Counter[str]"]
"""Where, what is to be seen there, what is expected, and how often what is said."""


def judged(path: Path, segments: Sequence[Segment], said: Sequence[Result]) -> list[Row]:
    """Return the votes of each segment of a video in which the network knows an action, or in which there is none."""
    own = [segment for segment in segments if segment.speaks_of(path.name)]
    start, end = (np.array([getattr(result, side) for result in said], np.int64) for side in ("start", "end"))
    rows = []
    for segment in own:
        votes = overlap(start, end, *segment.stamps(0)).labelled
        known = any(other.label in ACTIONS and _half_of(segment, other) for other in own)
        if votes.any() and (segment.label in ACTIONS or not known):
            where = f"{path.stem} {segment.start:g}–{segment.end:g} s"
            counted = Counter(first(result) for result, voted in zip(said, votes, strict=True) if voted)
            rows.append((where, segment.label, ACTIONS.get(segment.label, NOTHING), counted))
    return rows


def _half_of(segment: Segment, other: Segment) -> bool:
    """Say whether another segment takes half of this one."""
    return min(segment.end, other.end) - max(segment.start, other.start) > (segment.end - segment.start) / 2


def winner(votes: Counter[str]) -> str:
    """Return what is said most often."""
    return votes.most_common(1)[0][0]


def listed(rows: Sequence[Row]) -> Table:
    """Return all votes."""
    table = Table("where", "what", "expected", "votes")
    for where, what, expected, votes in rows:
        mark = "" if winner(votes) == expected else "[red]"
        table.add_row(where, what, f"{mark}{expected}", ", ".join(f"{name} {n}" for name, n in votes.most_common(4)))
    return table


def summary(rows: Sequence[Row]) -> Table:
    """Return the shares that are right, with their 95 % intervals."""
    table = Table("figure", "right by vote", "95 % interval", "of windows")
    falls = [row for row in rows if row[0] != "yoga"]
    parts = {
        "walking, sitting, standing": [row for row in falls if row[2] != NOTHING],
        "falling, exercising: nothing": [row for row in falls if row[2] == NOTHING],
        "yoga: nothing": [row for row in rows if row[0] == "yoga"],
    }
    for name, part in parts.items():
        right = [winner(votes) == expected for _, _, expected, votes in part]
        windows = list(chain.from_iterable((label == row[2] for label in row[3].elements()) for row in part))
        interval = binomtest(sum(right), len(right)).proportion_ci(method="wilson")
        share = f"{interval.low:.2f} to {interval.high:.2f}"
        table.add_row(name, f"{sum(right)} of {len(right)}", share, f"{np.mean(windows):.2f}")
    return table


def costs(seconds: float = 3.0) -> str:
    """Return how long a window takes as in the node, and several in one batch of OpenVINO's."""
    dice = np.random.default_rng(0)
    with Recognizer.open(MODEL, BackendSettings(), skeletons=True) as recognizer:
        windows = [dice.random((LENGTH, JOINTS, 3), np.float32)]
        backend = recognizer.network.backend
        one = _milliseconds(lambda: backend.infer(windows), seconds)
    core, found = Core(), find_model(MODEL)
    network = core.read_model(found.path(f"{MODEL}.onnx"))
    network.reshape([TOGETHER, LENGTH, JOINTS, 3])
    request = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
    batch = dice.random((TOGETHER, LENGTH, JOINTS, 3), np.float32)
    return f"{one}; {TOGETHER} in a batch: {_milliseconds(lambda: request.infer([batch]), seconds)}"


def _milliseconds(action: Callable[[], object], seconds: float) -> str:
    took, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        action()
        took.append(1000 * (time.perf_counter() - begin))
    return f"{np.median(took):.2f}, at best {min(took):.2f}"


if __name__ == "__main__":
    main()

"""What continual inference is worth: its answers beside those of sliding windows, on real videos.

`make quality DATA=folder`, with falls/*.mp4, fights/*/*.mp4 and cricket.gif in the folder; it takes the demo's, too.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from answers import MEMORIES, RATE, STEP, Answers, Frames, Networks, Rows, looped

LEADS = ("s1_adl_10", "s2_adl_23", "s3_adl_18")
ACTIONS = {"cricket": "playing cricket", **dict.fromkeys(("cam02", "cam03", "cam04"), "swinging legs")}
LEAD, ACTION = 160, 240  # frames of each in a stream that changes from one to the other
COST = {"64": 7, "32": 4, "16": 2}  # steps in which a window costs what a continual network costs


# --- agreement with 64-frame windows ---


def agreement(streams: list[Answers]) -> Table:
    """Compare each method with the 64-frame window that ends at the same moment, or that has the same content."""
    table = Table(
        "I3D",
        "at the same moment",
        "of the same content",
        "top five",
        "median KL",
        title="First answer as of 64 frames",
    )
    for name in streams[0].methods:
        memory = int(name.rpartition(" ")[2]) if name.startswith("continual") else 0
        late = streams[0].lag - 4 + memory // 2 if memory else 0  # steps until it is about the same frames' middle
        now, later = (list(_pairs(streams, name, steps)) for steps in (0, late))
        divergence = np.median([float(np.sum(p * (np.log(p + 1e-9) - np.log(q + 1e-9)))) for p, q in later])
        top = np.mean([p.argmax() in np.argsort(-q)[:5] for p, q in later])
        table.add_row(name, _same(now), _same(later), f"{top:.0%}", f"{divergence:.2f}")
    return table


def _pairs(streams: list[Answers], name: str, late: int) -> Iterator[tuple[Rows, Rows]]:
    for stream in streams:
        answers = stream.methods[name]
        for step, reference in enumerate(stream.windows[64][: len(answers) - late]):
            if reference is not None and (found := answers[step + late]) is not None:
                yield reference, found


def _same(pairs: list[tuple[Rows, Rows]]) -> str:
    return f"{np.mean([p.argmax() == q.argmax() for p, q in pairs]):.0%} of {len(pairs)}"


# --- the same cost, and the time until an answer is right ---


@dataclass(frozen=True)
class Change:
    """A stream in which an action begins after LEAD frames. label: the action's class."""

    answers: Answers
    label: int


def held(answers: list[Rows | None], hop: int, phase: int) -> list[Rows | None]:
    """Return the newest answer after each step when the network runs with every n-th step only."""
    return [answers[step - (step - phase) % hop] if step >= phase else None for step in range(len(answers))]


def known_actions(networks: Networks, videos: dict[str, Frames]) -> list[Change]:
    """Let the actions whose classes are known begin after other videos."""
    pairs = [(lead, action) for lead in LEADS for action in ACTIONS]
    return [
        Change(_changing(networks, videos[lead], videos[action]), networks.labels.index(ACTIONS[action]))
        for lead, action in track(pairs, "known actions", console=Console(stderr=True))
    ]


def fights_and_scenes(networks: Networks, videos: dict[str, Frames], folder: Path) -> list[Change]:
    """Let a clip of each block of the fights begin; right is what 64-frame windows of nothing else say most often."""
    clips = sorted(folder.glob("*/??5.mp4"))
    changes = []
    for i, clip in enumerate(track(clips, "beginning fights", console=Console(stderr=True))):
        answers = _changing(networks, videos[LEADS[i % len(LEADS)]], networks.frames(clip))
        steady = [row.argmax() for row in answers.windows[64][(LEAD + 64) // STEP :] if row is not None]
        changes.append(Change(answers, int(np.bincount(steady).argmax())))
    return changes


def _changing(networks: Networks, lead: Frames, action: Frames) -> Answers:
    return networks.answers(np.concatenate([looped(lead, LEAD), looped(action, ACTION)]))


def at_equal_cost(changes: list[Change], title: str) -> Table:
    """What a user has at any moment, where each method gets the time of one continual step per step."""
    table = Table("I3D", "runs", "as the newest 64 frames", "right after (median)", "never right", title=title)
    for name in changes[0].answers.methods:
        hop = COST.get(name.partition("-")[0], 1)
        same, times = [], []
        for change in changes:
            for phase in range(hop):
                answers = held(change.answers.methods[name], hop, phase)
                pairs = zip(change.answers.windows[64], answers, strict=True)
                same += [p.argmax() == q.argmax() for p, q in pairs if p is not None and q is not None]
                times.append(_first_right(answers, change.label))
        right = [seconds for seconds in times if seconds is not None]
        never = f"{1 - len(right) / len(times):.0%}"
        table.add_row(
            name, f"every {hop * STEP / RATE:.2f} s", f"{np.mean(same):.0%}", f"{np.median(right):.1f} s", never
        )
    return table


def _first_right(answers: list[Rows | None], label: int) -> float | None:
    """Return the seconds from the action's first frame to the first right answer."""
    first = LEAD // STEP
    for step, found in enumerate(answers[first:], start=first):
        if found is not None and found.argmax() == label:
            return ((step + 1) * STEP - LEAD) / RATE
    return None


def draw(panels: dict[str, list[Change]], path: Path) -> None:
    """Draw the share of streams whose first answer is right, against the time since the action began."""
    figure, axes = plt.subplots(1, len(panels), figsize=(12, 4), sharey=True)
    seconds = (np.arange(ACTION // STEP) + 1) * STEP / RATE
    for (title, changes), panel in zip(panels.items(), axes, strict=True):
        for name in changes[0].answers.methods:
            right = np.zeros(len(seconds))
            for change in changes:
                found = change.answers.methods[name][LEAD // STEP :]
                right += [row is not None and row.argmax() == change.label for row in found]
            if name not in ("continual, memory 2", "continual, memory 14"):
                panel.plot(seconds, right / len(changes), "--" if "windows" in name else "-", label=name)
        panel.set(title=title, xlabel="seconds since the action began", ylim=(0, 1.02))
    axes[0].set_ylabel("share of first answers that are right")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    figure.set_layout_engine("constrained")
    figure.savefig(path, dpi=100)


# --- a head on top ---


def fights(networks: Networks, folder: Path) -> Table:
    """Accuracy of a logistic regression on the logits, ten-fold by blocks of ten clips."""
    clips = sorted(folder.glob("*/*.mp4"))
    features: dict[str, list[Rows]] = {}
    for clip in track(clips, "fights", console=Console(stderr=True)):
        frames = networks.frames(clip)
        window = looped(frames, 64)
        columns = networks.columns(looped(frames, (networks.lag + 14) * STEP))
        features.setdefault("64-frame window", []).append(np.log(networks.window(window)))
        sixteen = [np.log(networks.window(window[start : start + 16])) for start in range(0, 64, 16)]
        features.setdefault("16-frame window", []).append(sixteen[0])
        features.setdefault("four 16-frame windows", []).append(np.mean(sixteen, axis=0))
        for memory in MEMORIES:
            features.setdefault(f"continual, memory {memory}", []).append(columns[-memory:].mean(axis=0))
    labels = [clip.parent.name for clip in clips]
    groups = [(int(clip.stem) - 1) // 10 for clip in clips]
    table = Table("features", "accuracy", "standard error", title=f"Fights, {len(clips)} clips")
    for name, rows in features.items():
        centred = np.stack(rows) - np.mean(rows, axis=1, keepdims=True)  # logits are known up to a summand
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        found = cross_val_predict(head, centred, labels, groups=groups, cv=GroupKFold(10))
        accuracy = np.mean(found == labels)
        table.add_row(name, f"{accuracy:.3f}", f"{(accuracy * (1 - accuracy) / len(clips)) ** 0.5:.3f}")
    return table


def main() -> None:
    """Print the tables, and draw the time that answers take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with falls, fights and cricket.gif")
    parser.add_argument("--plot", type=Path, help="picture of how soon answers are right")
    options = parser.parse_args()
    console, networks = Console(), Networks()
    spec = importlib.util.find_spec("Pose2Sim")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise SystemExit("the demo's videos are missing; run: make clean quality")
    demo = Path(folders[0], "Demo_SinglePerson", "videos")
    paths = [
        *sorted((options.data / "falls").glob("*.mp4")),
        *sorted(demo.glob("cam*.mp4")),
        options.data / "cricket.gif",
    ]
    videos = {path.stem: networks.frames(path) for path in paths}
    progress = Console(stderr=True)
    streams = [
        networks.answers(video if "_" in name else looped(video, ACTION))  # the short ones are in a loop
        for name, video in track(list(videos.items()), "videos", console=progress)
    ]
    console.print(agreement(streams))
    known = known_actions(networks, videos)
    console.print(at_equal_cost(known, "At equal cost: cricket, swinging legs"))
    others = fights_and_scenes(networks, videos, options.data / "fights")
    console.print(at_equal_cost(others, "At equal cost: fights"))
    console.print(fights(networks, options.data / "fights"))
    if options.plot:
        draw({"cricket and the swinging of legs": known, "20 fights and scenes": others}, options.plot)


if __name__ == "__main__":
    main()

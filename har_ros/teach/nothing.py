"""What is taught as none beside the dataset: the background, and what is mined from recordings of nothing."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.special import softmax

from har_ros.errors import ConfigurationError, HarError, counted
from har_ros.files.console import say
from har_ros.learning import head as heads
from har_ros.learning.background import OFF, WORLD, Background, background_bytes, find_background, joined
from har_ros.learning.class_folders import VIDEOS
from har_ros.learning.embed import Embedder, Windows, embed
from har_ros.learning.embedders import look_elsewhere
from har_ros.learning.lesson import LOOKING, Lesson
from har_ros.learning.samples import Samples
from har_ros.models.locate import find_model
from har_ros.truth.segments import NONE
from har_ros.workers.workers import HERE, Workers

MOST = 2000
"""Windows that are mined, at most."""
ROUNDS = 2
"""Times that the recordings are gone through, each time with a head that was taught what the one before got wrong."""
WRONG = 0.2
"""Probability of the actions together from which on a window of nothing is worth teaching."""
BAGS = (".mcap", ".bag", ".db3")
METADATA = "metadata.yaml"
KIND = "nothing"


def with_background(
    embedder: Embedder, lesson: Lesson, console: Console, workers: Workers = HERE
) -> tuple[Samples, dict[str, Any], bytes]:
    """Return the samples with none as the last class, and what is taught as none beside them.

    And what metrics.json has of that, and a file of it where something was mined. workers: who look at recordings.
    Raises HarError.
    """
    settings, samples = lesson.settings, lesson.samples.with_none()
    actions = [label for label in samples.labels if label != NONE]
    width = samples.embeddings.shape[-1]
    model = find_model(settings.model)
    # where all clips have a class, those of everyday actions may be like the background
    usual = WORLD if NONE in lesson.samples.labels else OFF
    name = settings.background or usual
    given = find_background(name, model, lesson.frames, width)
    known = given.without(actions)
    left_out = sorted(set(given.kinds.tolist()) - set(known.kinds.tolist()))
    samples = replace(samples, background=known.embeddings)
    kinds = dict(sorted(Counter(known.kinds.tolist()).items()))
    found: dict[str, Any] | None = None
    if settings.nothing is not None:
        recordings = recordings_in(settings.nothing)
        with console.status(LOOKING):
            made = look_elsewhere(embedder, recordings, workers, lambda _: None)
        mined, seen = _mined(embedder, recordings, made, samples, console)
        found = {"folder": str(settings.nothing), "recordings": len(recordings), "windows": seen, "mined": len(mined)}
        known = joined([known, Background(mined, np.full(len(mined), KIND))])
        samples = replace(samples, background=known.embeddings)
    file = background_bytes(known, model, lesson.frames) if settings.nothing is not None else b""
    if taught := dict(sorted(Counter(known.kinds.tolist()).items())):
        say(console, f"background: {counted(len(known.kinds), 'window')} of {', '.join(taught)}")
    if left_out:
        say(console, f"left out of the background, since classes are called like it: {', '.join(left_out)}")
    return samples, {"name": name, "windows": kinds, "left_out": left_out, "nothing": found}, file


def recordings_in(folder: Path) -> list[Path]:
    """Return the videos and bags below a folder. Raises ConfigurationError when there are none."""
    folder = folder.expanduser()
    if not folder.is_dir():
        raise ConfigurationError(f"--nothing {folder} is no folder; give one of videos or bags")
    bags = sorted(path.parent for path in folder.rglob(METADATA))
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (*VIDEOS, *BAGS))
    files = [path for path in files if not path.name.startswith(".") and not any(b in path.parents for b in bags)]
    if not bags and not files:
        raise ConfigurationError(f"--nothing {folder} has no videos ({', '.join(VIDEOS)}) and no bags; add some")
    return [*bags, *files]


def _mined(
    embedder: Embedder,
    recordings: Sequence[Path],
    failed: Mapping[Path, HarError | None],
    samples: Samples,
    console: Console,
) -> tuple[NDArray[np.float32], int]:
    """Return the embeddings of the windows that are taken for an action, the worst of all recordings.

    And how many windows the recordings have. In the second round only windows are added that the first one's do not
    cure. failed: what is known to be wrong with recordings. Raises HarError.
    """
    found = samples.background[:0]
    everything = np.arange(len(samples.examples))
    choice = heads.choose(samples, everything)
    for number in range(ROUNDS):
        taught = replace(samples, background=np.concatenate([samples.background, found]))
        head = heads.fits(taught, everything, [choice.strength])[0].cooled(choice.temperature)
        worst: list[tuple[float, float, NDArray[np.float32]]] = []
        wrong = total = 0
        dice = np.random.default_rng(number)
        described = f"mining recordings of nothing, round {number + 1} of {ROUNDS}"
        shown = track(recordings, described, console=console, disable=not console.is_terminal)
        for windows in _windows(embedder, shown, failed, console if number == 0 else None):
            rows = windows.embeddings[:, 0]
            actions = 1 - softmax(head.logits(rows), axis=1)[:, -1]
            wrong, total = wrong + int((actions > 0.5).sum()), total + len(rows)
            for place in np.flatnonzero(actions > WRONG).tolist():
                entry = (float(actions[place]), dice.random(), windows.embeddings[place])
                if len(worst) < MOST // ROUNDS:
                    heapq.heappush(worst, entry)
                else:
                    heapq.heappushpop(worst, entry)
        if not total:
            raise ConfigurationError("no recording of --nothing can be used; see above")
        say(console, f"{counted(wrong, 'window')} of {total} of nothing would be an action; {len(worst)} are taught")
        if not worst:
            break
        rows = np.concatenate([entry[2] for entry in worst])
        found = np.concatenate([found, rows])
    return found, total


def _windows(
    embedder: Embedder, recordings: Any, failed: Mapping[Path, HarError | None], console: Console | None
) -> Iterator[Windows]:
    for _, seen in embed(embedder, recordings, everybody=True, failed=failed):
        if isinstance(seen, HarError):
            if console is not None:
                say(console, f"left out: {seen}")
        else:
            yield from seen

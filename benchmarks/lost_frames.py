"""What the answers are worth when frames are lost on their way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from figures import Figure, once
from har_ros.backends.backend import BackendSettings
from har_ros.frames.pixels import CameraImage, Pixels
from har_ros.pipeline.recognizer import Recognizer
from inputs import frames_of
from part import Bench, Figures
from without_ros import MODEL, repeated

LOST = (0.01, 0.05, 0.2)
RATE, STEP = 25, 8
"""Of the film, and frames between two answers."""


@dataclass(frozen=True)
class Seen:
    """What was recognised at one moment. window: a digest of its frames."""

    window: bytes
    probabilities: NDArray[np.float32]


def lost_frames(bench: Bench) -> Figures:
    """How many windows and answers of I3D change, and by how much, when frames of a video are lost at random."""
    frames = frames_of(repeated(bench.film, bench.folder / "lost.mp4", 2))
    with Recognizer.open(MODEL, BackendSettings("openvino")) as recognizer:
        whole = seen(recognizer, frames, np.zeros(len(frames), bool))
        for seed in count():
            draws = np.random.default_rng(seed).random(len(frames))
            draws[0] = 1.0  # the first frame begins the window
            yield [
                figure
                for share in LOST
                for figure in differences(share, whole, seen(recognizer, frames, draws < share))
            ]


def differences(share: float, whole: list[Seen], partial: list[Seen]) -> list[Figure]:
    """Compare what was seen of all frames with what was seen when a share of them was lost."""
    pairs = list(zip(whole, partial, strict=True))
    windows = np.mean([one.window != other.window for one, other in pairs])
    answers = np.mean([one.probabilities.argmax() != other.probabilities.argmax() for one, other in pairs])
    moved = np.mean([np.abs(one.probabilities - other.probabilities).sum() / 2 for one, other in pairs])
    what, detail = f"I3D, {share:.0%} of the frames lost", f"of {len(pairs)}"
    return [
        once(f"{what}: windows with other frames", 100 * float(windows), "%", detail=detail),
        once(f"{what}: other best class", 100 * float(answers), "%", detail=detail),
        once(f"{what}: probability that moves to other classes", 100 * float(moved), "%"),
    ]


def seen(recognizer: Recognizer, frames: list[Pixels], lost: NDArray[np.bool_]) -> list[Seen]:
    """Return what is recognised every STEP frames, in the newest window that is there by then."""
    stream = recognizer.stream()
    found: list[Seen] = []
    for number, frame in enumerate(frames):
        if not lost[number]:
            stream.push(CameraImage.of_array(frame, number * 1_000_000_000 // RATE))
        if number < stream.length + STEP or number % STEP:
            continue
        with stream.window() as clip:
            if clip is None:  # all frames since the last window were lost
                found.append(found[-1])
                continue
            [answer] = recognizer.network.run([clip], [stream.memory])
            assert answer is not None
            found.append(Seen(hashlib.blake2b(clip.frames.data).digest(), answer.probabilities.copy()))
    return found

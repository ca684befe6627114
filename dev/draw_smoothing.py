"""Draws docs/images/smoothing.png: what smoothing and hysteresis make of I3D's answers on a real video.

python dev/draw_smoothing.py VIDEO docs/images/smoothing.png
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise

import cv2
import matplotlib
import numpy as np

matplotlib.use("agg")
import matplotlib.pyplot as plt

from har_ros.frames.pixels import CameraImage
from har_ros.frames.window import Clip
from har_ros.networks.kind import Answer
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import Scores, ScoreSettings

WAYS = (
    ("each window for itself", ScoreSettings(top_k=400, threshold=0.0)),
    ("smoothing: 0.5", ScoreSettings(top_k=400, threshold=0.0, smoothing=0.5)),
    ("hysteresis: 0.1", ScoreSettings(top_k=400, threshold=0.0, hysteresis=0.1)),
    ("both", ScoreSettings(top_k=400, threshold=0.0, smoothing=0.5, hysteresis=0.1)),
)
COLOURS = ("#1f6f4a", "#d9822b", "#3b6fb6")
"""For the classes that lead most often."""


def main(video: str, picture: str) -> None:
    """Run I3D over the video in windows of 16 frames, which are the least steady, and draw."""
    clips, answers, labels = recognised(video)
    found = {name: ranked(clips, answers, labels, settings) for name, settings in WAYS}
    leads = Counter(leader for name, windows in found.items() for leader, _ in windows)
    colours = dict(zip([label for label, _ in leads.most_common(len(COLOURS))], COLOURS, strict=False))
    figure, axes = plt.subplots(len(WAYS), 1, figsize=(9, 6), sharex=True, sharey=True, layout="constrained")
    seconds = np.array([clip.end for clip in clips]) / 1e9
    for axis, (name, windows) in zip(axes, found.items(), strict=True):
        changes = sum(before[0] != after[0] for before, after in pairwise(windows))
        for label, colour in colours.items():
            axis.plot(seconds, [scores[label] for _, scores in windows], color=colour, label=label, linewidth=1)
        for i in range(len(windows) - 1):
            axis.axvspan(*seconds[i : i + 2], ymax=0.12, color=colours.get(windows[i][0], "#bbbbbb"), linewidth=0)
        axis.set_title(f"{name}: the first label changes {changes} times", fontsize=9, loc="left")
        axis.set_ylim(0, 0.65)
    axes[0].legend(fontsize=8, loc="upper right")
    axes[-1].set_xlabel("seconds; the band below tells the first label, grey: another one")
    figure.supylabel("probability", fontsize=9)
    figure.savefig(picture, dpi=100)


def recognised(video: str) -> tuple[list[Clip], list[Answer], tuple[str, ...]]:
    """Return all windows of the video, and the network's answers."""
    clips, answers = [], []
    with Recognizer.open("i3d-kinetics-400", frames=16) as recognizer:
        stream, capture, index = recognizer.stream(), cv2.VideoCapture(video), 0
        rate = capture.get(cv2.CAP_PROP_FPS)
        while (frame := capture.read()[1]) is not None:
            stream.push(CameraImage.of_array(np.asarray(frame, np.uint8), round(index / rate * 1e9)))
            index += 1
            with stream.window() as clip:
                if clip is not None:
                    [answer] = recognizer.network.run([clip], [None])
                    assert answer is not None
                    clips.append(clip)
                    answers.append(answer)
        return clips, answers, recognizer.labels


def ranked(
    clips: list[Clip], answers: list[Answer], labels: tuple[str, ...], settings: ScoreSettings
) -> list[tuple[str, dict[str, float]]]:
    """Return each window's first label, and all scores."""
    scores = Scores(labels)
    found = [scores.predict(answer.probabilities, clip, settings) for clip, answer in zip(clips, answers, strict=True)]
    return [(one.hypotheses[0].label, {h.label: h.score for h in one.hypotheses}) for one in found]


if __name__ == "__main__":
    main(*sys.argv[1:])

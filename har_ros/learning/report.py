"""report.html of a taught network, with the evaluation's charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har_ros.files.results_folder import atomic, finite
from har_ros.learning.people import read_people
from har_ros.learning.samples import Samples
from har_ros.pipeline.annotate import COLOURS, draw_skeleton
from har_ros.recordings.pictures import Picture, Place, pictures
from har_ros.reports.drawing import PALETTE, as_svg, new_axes, reliability_of
from har_ros.reports.page import drawing, environment
from har_ros.reports.picture import data_url
from har_ros.stats.metrics import Floats

MOST = 12
"""Mistakes that are shown."""
MOST_CLASSES = 40
"""For which the confusion is shown."""
WORDS = {
    "model": "network that was built on",
    "frames": "frames of a window",
    "mirror": "mirror images taught, too",
    "between": "what lies between segments taught as none",
    "background": "background taught as none",
    "nothing": "recordings of nothing",
    "person": "who of several people",
}
"""What settings are called in the report, where that is not their name."""


def write_report(
    path: Path,
    metrics: Mapping[str, Any],
    samples: Samples,
    probabilities: Floats,
    people: Mapping[Path, Path],
) -> None:
    """Write the report. metrics: as in metrics.json. probabilities: held-out, m×C. people: see Embedder.

    Raises HarError.
    """
    with drawing(path):
        text = _rendered(metrics, samples, probabilities, people)
    with atomic(path) as file:
        file.write(text)


def _rendered(metrics: Mapping[str, Any], samples: Samples, probabilities: Floats, people: Mapping[Path, Path]) -> str:
    measured = finite(metrics)
    rows = [(row["clips"], row["confidence"], row["right"]) for row in measured["calibration"]["bins"]]
    return (
        environment(Path(__file__).parent)
        .get_template("teach.html")
        .render(
            title=f"{measured['name']}: {len(samples.labels)} classes, taught with {measured['clips']} clips",
            m=measured,
            curves={
                "learning": learning_curve(measured.get("learning_curve", ())),
                "sources": source_curve(measured.get("source_curve", ())),
                "losses": loss_curve(measured["losses"]) if measured.get("losses") else "",
                "reliability": reliability_of(rows),
            },
            mistakes=_mistakes(samples, probabilities, people),
            most_classes=MOST_CLASSES,
            settings=list(_settings(measured)),
        )
    )


def _settings(measured: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what was chosen and given, in words."""
    usual = {
        "frames": f"{measured['frames']}, as in the card",
        "background": f"as usual, {measured.get('background', {}).get('name', 'off')}",
        "nothing": "not given",
        "pose_size": "as in the card",
        "architecture": "not given",
        "unmirrored": "no class",
    }
    for name, value in measured["settings"].items():
        if name in usual and not value:
            shown = usual[name]
        elif isinstance(value, bool):
            shown = "yes" if value else "no"
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield WORDS.get(name, name.replace("_", " ")), shown


def learning_curve(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw the accuracy over the number of clips and of the groups that they are of, as SVG; "" for one row."""
    names = [f"{row['clips_per_class']}\n({row['groups_per_class']:.0f})" for row in rows]
    return _accuracy(rows, "clips_per_class", names, "clips per class at most (of so many groups on average)")


def source_curve(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw the accuracy over the number of groups and of the clips that are of them, as SVG; "" for one row."""
    names = [f"{row['groups_per_class']:.3g}\n({row['clips_per_class']:.0f})" for row in rows]
    return _accuracy(rows, "groups_per_class", names, "groups per class on average (with so many clips)")


def _accuracy(rows: Sequence[Mapping[str, Any]], size: str, names: Sequence[str], what: str) -> str:
    if len(rows) < 2:
        return ""
    figure, axes = new_axes(what, "accuracy on other groups")
    sizes = [row[size] for row in rows]
    axes.set_xscale("log")
    axes.set_xlim(min(sizes) * 0.8, max(sizes) * 1.25)
    axes.set_xticks(sizes, names)
    axes.minorticks_off()
    values, low, high = ([row["accuracy"][name] for row in rows] for name in ("value", "low", "high"))
    axes.fill_between(sizes, low, high, color=PALETTE[0], alpha=0.2, linewidth=0)
    axes.plot(sizes, values, color=PALETTE[0], marker="o")
    return as_svg(figure)


def loss_curve(losses: Sequence[float]) -> str:
    """Draw the loss over the steps of a training, as SVG."""
    figure, axes = new_axes("step", "loss")
    axes.set(xlim=(0.5, len(losses) + 0.5), ylim=(0, max(losses) * 1.05))
    axes.plot(range(1, len(losses) + 1), losses, color=PALETTE[0])
    return as_svg(figure)


def _mistakes(samples: Samples, probabilities: Floats, people: Mapping[Path, Path]) -> list[dict[str, Any]]:
    """Return the clips that are wrong with most confidence, and their pictures, with the skeletons that were taught."""
    said, score = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(said != samples.classes)
    worst = wrong[np.argsort(-score[wrong], kind="stable")][:MOST].tolist()
    examples = [samples.examples[number] for number in worst]
    places = [Place(e.path, e.camera, (e.start, (e.start + e.end) // 2, e.end)) for e in examples]
    shown = pictures(places)
    for place, own in zip(places, shown, strict=True):
        if kept := people.get(place.path):
            _draw_people(kept, place, own)
    return [
        {
            "clip": example.name,
            "group": example.group,
            "truth": samples.labels[example.label],
            "said": samples.labels[said[number]],
            "score": float(score[number]),
            "pictures": [data_url(picture) for picture in own],
        }
        for number, example, own in zip(worst, examples, shown, strict=True)
    ]


def _draw_people(kept: Path, place: Place, shown: Sequence[Picture]) -> None:
    """Draw the skeletons of all who are seen into the pictures of a place."""
    cameras = read_people(kept)
    first = min(int(camera.stamps[0]) for camera in cameras)
    own = next(camera for camera in cameras if camera.camera == place.camera)
    for moment, picture in zip(place.moments, shown, strict=False):
        image = int(np.abs(own.stamps - first - moment).argmin())
        scale = picture.shape[1] / int(own.sizes[image, 1])
        for keypoints in own.keypoints[own.image == image]:
            draw_skeleton(picture, keypoints * (scale, scale, 1), COLOURS[0], 1)

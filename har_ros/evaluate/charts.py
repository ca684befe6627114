"""The report's drawings: curves by matplotlib, ribbons as plain SVG; their colours are those of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from har_ros.evaluate.assess import Assessment
from har_ros.evaluate.judge import LABELLED, Judged
from har_ros.evaluate.pool import Pool
from har_ros.evaluate.track import predicted
from har_ros.reports.drawing import OTHER_COLOUR, PALETTE, as_svg, new_axes, reliability_of
from har_ros.stats import metrics
from har_ros.truth.segments import Classes

PIECES = 1500
"""Of a ribbon, at most."""


def colours_of(windows: Sequence[float]) -> tuple[str, ...]:
    """Return the colour of each class: the palette's for the most frequent ones, OTHER_COLOUR for the rest.

    windows: how many each class has.
    """
    frequent = np.sort(np.argsort(-np.asarray(windows, np.float64), kind="stable")[: len(PALETTE)]).tolist()
    shades = dict(zip(frequent, PALETTE, strict=False))
    return tuple(shades.get(index, OTHER_COLOUR) for index in range(len(windows)))


def precision_recall(assessment: Assessment, colours: Sequence[str]) -> str:
    """Draw precision over recall of the classes that have a colour of their own, as SVG."""
    pool = Pool(assessment.judged, len(assessment.classes.names))
    judged = pool.labelled | pool.background
    figure, axes = new_axes("recall", "precision")
    for index, (name, colour) in enumerate(zip(assessment.classes.names, colours, strict=True)):
        relevant = pool.windows["truth"][judged, index]
        if colour == OTHER_COLOUR or not relevant.any():
            continue
        weights = np.ones(len(relevant))
        precision, recall = metrics.precision_recall_curve(relevant, pool.windows["scores"][judged, index], weights)
        axes.step([0, *recall], [precision[0], *precision], where="pre", color=colour, label=_short(name))
    return as_svg(figure)


def reliability(assessment: Assessment) -> str:
    """Draw the share of right answers over their confidence, as SVG."""
    bins = assessment.metrics.calibration
    return reliability_of([(one.windows, one.confidence, one.right) for one in bins if one.windows])


def thresholds(assessment: Assessment) -> str:
    """Draw what other thresholds would give, as SVG."""
    figure, axes = new_axes("threshold", "")
    sweep = assessment.metrics.sweep
    x = [row.threshold for row in sweep]
    curves = {
        "right_of_answered": "right, of those answered",
        "right_of_all": "right, of all",
        "answered": "answered",
        "macro_f1": "F1, mean of the classes",
    }
    for number, (name, text) in enumerate(curves.items()):
        axes.plot(x, [getattr(row, name) for row in sweep], color=PALETTE[number], label=text)
    return as_svg(figure)


def ribbon(track: Judged, classes: Classes, colours: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return the pieces of a camera's truth and predictions; x and width in percent of `seconds`.

    colours: of each class.
    """

    def place(start: float, end: float) -> dict[str, float]:
        left, right = (min(max(100 * t / seconds, 0.0), 100.0) if seconds else 0.0 for t in (start, end))
        return {"x": round(left, 3), "width": round(max(right - left, 0.05), 3)}

    windows = track.windows
    shown_from = windows["end" if len(windows) > 1 else "start"]  # an only window may end with the recording
    begin = [(stamp - track.first) / 1e9 for stamp in shown_from.tolist()]
    stop = (np.array(begin) + windows["duration"]).tolist()
    said = predicted(windows)
    texts = np.where(windows["accepted"], windows["label"], "").tolist()
    lanes: list[float] = []
    truth = []
    for start, end, label in track.spans:
        start_s, end_s = (start - track.first) / 1e9, (end - track.first) / 1e9
        lane = next((i for i, busy in enumerate(lanes) if busy <= start_s), len(lanes))
        lanes[lane : lane + 1] = [end_s]
        index = classes.of_label[label]
        title = f"{label}, {start_s:.2f} to {end_s:.2f} s"
        truth.append(
            {
                **place(start_s, end_s),
                "colour": OTHER_COLOUR if index is None else colours[index],
                "title": title,
                "lane": lane,
                "label": label,
            }
        )
    pieces: list[dict[str, Any]] = []
    for at, until, index, text in _merged(begin, stop, said.tolist(), texts):
        title = f"{text or 'nothing'}, {at:.2f} to {until:.2f} s"
        shade = (colours[index] if index >= 0 else OTHER_COLOUR) if text else "none"
        pieces.append({**place(at, until), "colour": shade, "title": title, "label": text})
    right = metrics.hits(windows["truth"], said[:, None], 1)
    verdicts = np.where(windows["kind"] == LABELLED, np.where(right, 1, 2), 0).tolist()
    marks = [
        {**place(at, until), "right": verdict == 1}
        for at, until, verdict, _ in _merged(begin, stop, verdicts, [""] * len(said))
        if verdict
    ]
    events = []
    for event in track.events:
        start_s, end_s = (event.start - track.first) / 1e9, (event.end - track.first) / 1e9
        title = f"{event.name}, {start_s:.2f} to {end_s:.2f} s"
        shade = colours[event.label] if event.label >= 0 else OTHER_COLOUR
        events.append({**place(start_s, end_s), "colour": shade, "title": title})
    return {
        "bag": track.bag,
        "events": events,
        "camera": track.camera,
        "truth": truth,
        "lanes": len(lanes),
        "said": pieces,
        "marks": marks,
    }


def _merged(
    begin: Sequence[float], end: Sequence[float], kinds: Sequence[int], texts: Sequence[str]
) -> list[tuple[float, float, int, str]]:
    """Join neighbours of the same kind and text; where there are too many, take what is there at regular moments."""
    order = sorted(range(len(begin)), key=lambda i: begin[i])
    pieces: list[tuple[float, float, int, str]] = []
    for i in order:
        if pieces and pieces[-1][2:] == (kinds[i], texts[i]) and begin[i] - pieces[-1][1] < 0.5:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end[i]), kinds[i], texts[i])
        else:
            pieces.append((begin[i], end[i], kinds[i], texts[i]))
    if len(pieces) > PIECES:
        chosen = order[:: -(-len(order) // PIECES)]
        after = [*[begin[i] for i in chosen[1:]], max(end)]
        return [(begin[i], until, kinds[i], texts[i]) for i, until in zip(chosen, after, strict=True)]
    return pieces


def _short(text: str) -> str:
    """Return a name as it can stand in a legend, from which matplotlib leaves out what begins with an underscore."""
    return "\u200b" * text.startswith("_") + (text if len(text) < 28 else text[:26] + "…")

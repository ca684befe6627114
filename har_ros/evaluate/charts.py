"""The report's drawings: curves by matplotlib, ribbons as plain SVG; their colours are those of the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from har_ros.evaluate.assess import Assessment
from har_ros.evaluate.figures import Pool
from har_ros.evaluate.judge import LABELLED, Judged
from har_ros.stats import metrics
from har_ros.truth.segments import Classes

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#b8a800", "#7f5bb5")
"""Okabe and Ito's colours, which most colour-blind people can tell apart, the yellow darkened, and a violet."""
OTHER_COLOUR = "var(--other)"
INK, FAINT = "#010203", "#818283"
"""Stand for the page's own colours while matplotlib draws."""
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
        relevant = pool.truth[judged, index]
        if colour == OTHER_COLOUR or not relevant.any():
            continue
        weights = np.ones(len(relevant))
        precision, recall = metrics.precision_recall_curve(relevant, pool.scores[judged, index], weights)
        axes.step([0, *recall], [precision[0], *precision], where="pre", color=colour, label=_short(name))
    return as_svg(figure)


def reliability(assessment: Assessment) -> str:
    """Draw the share of right answers over their confidence, as SVG."""
    rows = assessment.metrics["calibration"]
    return reliability_of([(row["windows"], row["confidence"], row["right"]) for row in rows if row["windows"]])


def reliability_of(rows: Sequence[tuple[int, float, float]]) -> str:
    """Draw a curve of number, confidence and share that is right, as SVG."""
    figure, axes = new_axes("confidence of the first answer", "share that is right")
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":")
    sizes = np.array([number for number, _, _ in rows], float)
    x, y = [confidence for _, confidence, _ in rows], [right for _, _, right in rows]
    axes.plot(x, y, color=PALETTE[0])
    axes.scatter(x, y, s=20 + 180 * sizes / sizes.max() if len(sizes) else 20, color=PALETTE[0], alpha=0.6)
    return as_svg(figure)


def thresholds(assessment: Assessment) -> str:
    """Draw what other thresholds would give, as SVG."""
    figure, axes = new_axes("threshold", "")
    sweep = assessment.metrics["sweep"]
    x = [row["threshold"] for row in sweep]
    curves = {
        "right_of_answered": "right, of those answered",
        "right_of_all": "right, of all",
        "answered": "answered",
        "macro_f1": "F1, mean of the classes",
    }
    for number, (name, text) in enumerate(curves.items()):
        axes.plot(x, [row[name] for row in sweep], color=PALETTE[number], label=text)
    return as_svg(figure)


def new_axes(x: str, y: str) -> tuple[Figure, Any]:
    """Return a figure and its axes, both from 0 to 1, in the page's colours."""
    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), facecolor="none")
    axes.grid(color=FAINT, linewidth=0.3)
    axes.tick_params(colors=INK)
    for item in (axes.xaxis.label, axes.yaxis.label):
        item.set_color(INK)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    return figure, axes


def as_svg(figure: Figure) -> str:
    """Return the figure with the page's colours and font, the same for the same figure."""
    buffer = io.StringIO()
    with mpl.rc_context(_TEXT), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the page has its own fonts, whatever matplotlib's lack
        for axes in figure.axes:
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=8, frameon=False, labelcolor=INK)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = text.replace(INK, "var(--ink)").replace(FAINT, "var(--faint)")
    return re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)  # the page has its style


_TEXT = {"svg.fonttype": "none", "svg.hashsalt": "har_ros", "font.family": "sans-serif", "text.parse_math": False}
"""Text is text, also where it has dollars."""


def ribbon(track: Judged, classes: Classes, colours: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return the pieces of a camera's truth and predictions; x and width in percent of `seconds`.

    colours: of each class.
    """

    def place(start: float, end: float) -> dict[str, float]:
        left, right = (min(max(100 * t / seconds, 0.0), 100.0) if seconds else 0.0 for t in (start, end))
        return {"x": round(left, 3), "width": round(max(right - left, 0.05), 3)}

    begin = [(stamp - track.first) / 1e9 for stamp in track.end.tolist()]
    stop = (np.array(begin) + track.duration).tolist()
    said = track.predicted.tolist()
    texts = [label if accepted else "" for label, accepted in zip(track.labels, track.accepted, strict=True)]
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
    for at, until, index, text in _merged(begin, stop, said, texts):
        title = f"{text or 'nothing'}, {at:.2f} to {until:.2f} s"
        shade = (colours[index] if index >= 0 else OTHER_COLOUR) if text else "none"
        pieces.append({**place(at, until), "colour": shade, "title": title, "label": text})
    right = metrics.hits(track.truth, track.predicted[:, None], 1)
    verdicts = np.where(track.kind == LABELLED, np.where(right, 1, 2), 0).tolist()
    marks = [
        {**place(at, until), "right": verdict == 1}
        for at, until, verdict, _ in _merged(begin, stop, verdicts, [""] * len(said))
        if verdict
    ]
    return {
        "bag": track.bag,
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

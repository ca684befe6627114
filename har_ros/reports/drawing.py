"""What charts share: axes and colours, and SVG as it can stand in a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#b8a800", "#7f5bb5")
"""Okabe and Ito's colours, which most colour-blind people can tell apart, the yellow darkened, and a violet."""


OTHER_COLOUR = "var(--other)"


INK, FAINT = "#010203", "#818283"
"""Stand for the page's own colours while matplotlib draws."""


def reliability_of(rows: Sequence[tuple[int, float, float]]) -> str:
    """Draw a curve of number, confidence and share that is right, as SVG."""
    figure, axes = new_axes("confidence of the first answer", "share that is right")
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":")
    sizes = np.array([number for number, _, _ in rows], float)
    x, y = [confidence for _, confidence, _ in rows], [right for _, _, right in rows]
    axes.plot(x, y, color=PALETTE[0])
    axes.scatter(x, y, s=20 + 180 * sizes / sizes.max() if len(sizes) else 20, color=PALETTE[0], alpha=0.6)
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

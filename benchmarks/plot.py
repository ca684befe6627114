"""Draws what was measured of many cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

from figures import Figure
from with_ros import NUMBERS, cpu_per_image, memory_of, over_bare


def draw(measured: Sequence[Figure], path: Path) -> None:
    """Draw one node with 1 to 16 cameras: CPU per image, windows per second, memory."""
    values = {figure.name: figure.value for figure in measured}
    panels = (
        ("CPU per image, small network (ms)", cpu_per_image, None),
        ("I3D: windows per second / bare network", over_bare, 0.95),
        ("I3D: resident memory (MB)", memory_of, None),
    )
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 2.8), layout="constrained")
    for axis, (title, name_of, aim) in zip(axes, panels, strict=True):
        shown = [values[name_of(number)] for number in NUMBERS]
        axis.plot(NUMBERS, shown, marker="o", color="#1f6f4a")
        if aim is not None:
            axis.axhline(aim, color="grey", linestyle=":", label=f"aim {aim}")
            axis.legend(loc="lower right")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("cameras of 640x480 at 15 images/s")
        axis.set_xscale("log", base=2)
        axis.set_xticks(NUMBERS, [str(number) for number in NUMBERS])
        axis.set_ylim(0, 1.25 * max(shown))
    figure.savefig(path, dpi=110)

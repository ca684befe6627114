"""Draws what was measured of many cameras."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

from with_ros import Figures


def draw(figures: Figures, path: Path) -> None:
    """Draw one node with 1 to 16 cameras: CPU per image, windows per second, memory."""
    small, heavy = figures["small"], figures["I3D"]
    numbers = list(small)
    panels = (
        ("CPU per image, small network (ms)", [small[n].cpu * 1e3 for n in numbers], None),
        ("I3D: windows per second / bare network", [heavy[n].windows_over_bare for n in numbers], 0.95),
        ("I3D: resident memory (MB)", [heavy[n].memory for n in numbers], None),
    )
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 2.8), layout="constrained")
    for axis, (title, values, aim) in zip(axes, panels, strict=True):
        axis.plot(numbers, values, marker="o", color="#1f6f4a")
        if aim is not None:
            axis.axhline(aim, color="grey", linestyle=":", label=f"aim {aim}")
            axis.legend(loc="lower right")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("cameras of 640x480 at 15 images/s")
        axis.set_xscale("log", base=2)
        axis.set_xticks(numbers, [str(number) for number in numbers])
        axis.set_ylim(0, 1.25 * max(values))
    figure.savefig(path, dpi=110)

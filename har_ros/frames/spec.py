"""What a network expects of an image and of a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Interpolation = Literal["nearest", "linear", "cubic", "area"]


@dataclass(frozen=True)
class Resize:
    """How an image becomes the network's input.

    shorter_side: scale the shorter side to this many pixels, then crop the centre; None stretches the whole image.
    """

    interpolation: Interpolation
    shorter_side: int | None = None


@dataclass(frozen=True)
class InputSpec:
    """What one frame must look like.

    layout: the order of the network's axes: batch N, time T, height H, width W, colour C; a frame encoder has no T.
    colour: the order of its channels. range: what 0…255 is scaled to, before mean and std.
    mean, std: one for each channel, in the order of `colour`; the network gets (pixel - mean) / std.
    """

    layout: Literal["NCTHW", "NTCHW", "NTHWC", "NCHW", "NHWC"]
    height: int
    width: int
    resize: Resize
    colour: Literal["rgb", "bgr"]
    range: tuple[float, float]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class WindowSpec:
    """Which frames make a window.

    frames: how many. minimum_frames: the fewest that the network takes, in steps of `multiple_of`; None: `frames` only.
    sample_rate: frames per second that the network was taught with. skip_frames: left out
    between two that enter, where there is no rate.
    """

    frames: int
    minimum_frames: int | None = None
    multiple_of: int = 1
    sample_rate: float | None = None
    skip_frames: int = 0

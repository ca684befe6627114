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


@dataclass(frozen=True)
class SkeletonSpec:
    """How a window of one person's skeletons becomes a network's input; how many and how often is the WindowSpec's.

    layout: the order of the axes: batch N, person M, time T, joint V, coordinate C; D: joint by joint, x before y.
    joints: names in the network's order, see frames.skeletons.NAMES and MIDDLES; none: COCO's 17.
    persons: length of the axis M; the person is the first, the others are zero.
    confidence: whether a joint's confidence follows its x and y.
    normalisation: pixels of the image; or its width and height, each over `range`; or the joints' bounding box, its
    longer side over `range`; or the hips' middle as origin and the distance to the shoulders' middle as unit.
    moving: whether box or trunk are those of each skeleton, else one for the window, in which the person moves.
    least_confidence: a joint below it is missing: interpolated in time, or zero.
    """

    layout: Literal["NTVC", "NTD", "NCTV", "NMTVC", "NCTVM"]
    joints: tuple[str, ...] = ()
    persons: int = 1
    confidence: bool = False
    normalisation: Literal["pixels", "image", "box", "trunk"] = "image"
    range: tuple[float, float] = (-1.0, 1.0)
    moving: bool = False
    missing: Literal["interpolated", "zero"] = "interpolated"
    least_confidence: float = 0.1

    @property
    def resize(self) -> Resize:
        """What a frame of the window is given; skeletons are written as they are."""
        return Resize("nearest")

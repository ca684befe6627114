"""Pictures of clips, for the report and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har_ros.compressed import AnyImage, decode_all
from har_ros.errors import HarError
from har_ros.evaluate.bag import open_recording
from har_ros.pixels import to_rgb
from har_ros.teach.windows import images


def pictures(path: Path, camera: str, start: int, end: int, count: int = 3) -> list[NDArray[np.uint8]]:
    """Return the images nearest to moments from start to end, H×W×3 RGB; fewer where they cannot be read.

    start, end: nanoseconds from the recording's first image.
    """
    moments = np.linspace(start, end, count).astype(np.int64).tolist()
    best: list[tuple[int, AnyImage] | None] = [None] * count
    try:
        first = None
        for name, image in images(open_recording(path)):
            first = image.stamp if first is None else first
            if name == camera:
                _keep_nearest(best, moments, image, image.stamp - first)
            if image.stamp - first > end and all(best):
                break
        return [to_rgb(decode_all(found[1])) for found in best if found]
    except HarError:  # a report does without them
        return []


def _keep_nearest(
    best: list[tuple[int, AnyImage] | None], moments: Sequence[int], image: AnyImage, moment: int
) -> None:
    for number, wanted in enumerate(moments):
        before = best[number]
        if before is None or abs(moment - wanted) < before[0]:
            best[number] = abs(moment - wanted), image

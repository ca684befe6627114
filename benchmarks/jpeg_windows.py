"""`python benchmarks/jpeg_windows.py VIDEO…`: what windows lose that travel to a server as JPEG, with I3D.

Of each video's windows of 64 frames, by quality: their size, the time to encode one, how often the likeliest class is
the same as without, and by how much its score differs.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from answers import MODEL, RATE, WINDOWS, Frames, Rows, sampled
from har_ros.backends.backend import BackendSettings
from har_ros.backends.triton import jpeg
from har_ros.pipeline.recognizer import Recognizer

LENGTH = max(WINDOWS)
QUALITIES = (60, 75, 90, 95)


def windows(path: Path, recognizer: Recognizer, most: int) -> list[Frames]:
    """Return the first windows of a video, which do not overlap."""
    frames = sampled(path, recognizer.card.images, RATE)
    starts = range(0, len(frames) - LENGTH + 1, LENGTH)
    return [frames[start : start + LENGTH] for start in islice(starts, most)]


def travelled(window: Frames, quality: int) -> tuple[Frames, int, float]:
    """Return what is left of a window, its bytes, and the seconds that it took to encode it."""
    start = time.perf_counter()
    with patch.object(jpeg, "QUALITY", quality):
        data = jpeg.encode(window)
    taken = time.perf_counter() - start
    image = cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8), cv2.COLOR_BGR2RGB)
    return np.asarray(image, np.uint8).reshape(window.shape), data.nbytes, taken


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--windows", type=int, default=2, help="of each video, at most (%(default)s)")
    options = parser.parse_args()
    recognizer = Recognizer.open(MODEL, BackendSettings("openvino"), frames=LENGTH, continual=False)
    rows: list[Rows] = []
    found: dict[int, list[tuple[Rows, int, float]]] = {quality: [] for quality in QUALITIES}
    for path in track(options.videos, "Videos", console=Console(stderr=True)):
        for window in windows(path, recognizer, options.windows):
            rows.append(recognizer.network.backend.infer([window])[0])
            for quality in QUALITIES:
                left, size, taken = travelled(window, quality)
                found[quality].append((recognizer.network.backend.infer([left])[0], size, taken))
    title = f"{len(rows)} windows of {len(options.videos)} videos, {LENGTH * 224 * 224 * 3 / 1e6:.1f} MB each"
    table = Table("quality", "MB", "ms to encode", "same class", "its score differs by, median", "95 %", title=title)
    before = np.array(rows)
    best = before.argmax(1)
    scores = before[np.arange(len(best)), best]
    for quality, each in found.items():
        after = np.array([row for row, _, _ in each])
        differences = np.abs(after[np.arange(len(best)), best] - scores)
        size, taken = (np.median([one[place] for one in each]) for place in (1, 2))
        same = f"{np.mean(after.argmax(1) == best):.3f}"
        quantiles = [f"{np.quantile(differences, share):.3f}" for share in (0.5, 0.95)]
        table.add_row(str(quality), f"{size / 1e6:.2f}", f"{taken * 1e3:.0f}", same, *quantiles)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()

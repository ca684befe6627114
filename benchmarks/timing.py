"""How long something takes, and how often it is done."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def rate_of(action: Callable[[], object], seconds: float) -> float:
    """Return how often the action ends per second."""
    times, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        action()
        times += 1
    return times / elapsed


def median_time(action: Callable[[], object], repetitions: int) -> float:
    """Return the median duration of the action in seconds."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)

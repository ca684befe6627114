"""How much faster a Ray cluster of two workers evaluates than one process, each with one core; small network.

python benchmarks/ray_cluster.py [--recordings 40] [--seconds 60] [--workers 2]
python benchmarks/ray_cluster.py --recordings 1 --seconds 900, of which the workers do ranges

A worker has a core of its own as the process has: the ratio is of the evaluation alone, without the start of the
cluster, which is printed beside it. Both write the same predictions, or it says so.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from rich.console import Console

from har_ros.commands.shared.jobs import jobs_of
from har_ros.errors import counted
from har_ros.evaluate import batch, results
from har_ros.evaluate.plan import Plan
from har_ros.pipeline.configuration import parameter_values
from har_ros.workers.ray.cluster import Cluster
from har_ros.workers.workers import HERE
from inputs import small_network

RATE, SIDE = 25.0, 320


def main() -> None:
    """Print both times, their ratio and the start of the cluster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place)
        card = small_network(folder)
        videos = [write_video(folder / f"{i}.mp4", options.seconds, i) for i in range(options.recordings)]
        values = parameter_values({"model": str(card), "backend": "openvino", "precision": "f32", "threads": 1})
        jobs, console = jobs_of(videos, values), Console(stderr=True)
        short = jobs_of([write_video(folder / f"short{i}.mp4", 2.0, i) for i in range(2)], values)
        cv2.setNumThreads(1)  # as in the workers
        began = time.perf_counter()
        with Cluster(str(options.workers)) as cluster:
            cluster.connect()
            start = time.perf_counter() - began
            batch.evaluate(short, Plan(values, folder / "warm"), cluster, False, console)  # imports, networks
            there = timed(lambda: batch.evaluate(jobs, Plan(values, folder / "cluster"), cluster, False, console))
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
        here = timed(lambda: batch.evaluate(jobs, Plan(values, folder / "here"), HERE, False, console))
        os.sched_setaffinity(0, cores)
        one, other = (folder / name / results.PREDICTIONS for name in ("here", "cluster"))
        same = one.read_bytes() == other.read_bytes()
    print(f"{counted(options.recordings, 'recording')} of {options.seconds:g} s, load {os.getloadavg()[0]:.1f}")
    print(f"one process: {here:.1f} s; {options.workers} workers: {there:.1f} s; the cluster starts in {start:.1f} s")
    print(f"ratio {here / there:.2f}; the predictions are {'the same' if same else 'NOT the same'}")


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def write_video(path: Path, seconds: float, seed: int) -> Path:
    """Write a noisy picture that moves."""
    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.integers(0, 256, (16, 16, 3), np.uint8), (2 * SIDE, 2 * SIDE))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (SIDE, SIDE))
    for number in range(int(seconds * RATE)):
        at = number % SIDE
        writer.write(np.ascontiguousarray(texture[at : at + SIDE, at : at + SIDE]))
    writer.release()
    return path


if __name__ == "__main__":
    main()

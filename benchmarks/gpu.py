"""What TensorRT answers and how fast, beside OpenVINO in float32 on the CPU.

python benchmarks/gpu.py VIDEO [VIDEO ...]; needs an NVIDIA GPU. Engines are cached: empty the cache, or set
XDG_CACHE_HOME, to measure the first start again.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from answers import MODEL, RATE, STEP, sampled
from har_ros.backends.backend import Backend, BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import HarError
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.models.check import prepared_networks, prepared_pose
from har_ros.models.locate import find_model, find_pose_model

BATCHES = (1, 2, 4)
REPEATS, LONGEST = 30, 3.0
"""Of a measurement, at most; the latter in seconds."""
Inputs = list[NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A network and what it gets, in order: of a continual network, the steps of one camera."""

    name: str
    network: PreparedNetwork
    inputs: Inputs

    def answers(self, backend: Backend) -> NDArray[np.float32]:
        """Return one row for each input."""
        if not self.network.states:
            return backend.infer(self.inputs)
        state = backend.new_state()
        return np.concatenate([backend.infer([one], [state]) for one in self.inputs])

    def time(self, backend: Backend, count: int) -> float:
        """Return the median of the seconds that `count` inputs at once take."""
        inputs = [self.inputs[i % len(self.inputs)] for i in range(count)]
        states = [backend.new_state() for _ in inputs] if self.network.states else []
        taken = [seconds(lambda: backend.infer(inputs, states))]  # the first is not counted
        while len(taken) <= 1 or (len(taken) <= REPEATS and sum(taken) < LONGEST):
            taken.append(seconds(lambda: backend.infer(inputs, states)))
        return statistics.median(taken[1:])


def seconds(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cases(videos: list[Path], models: list[str]) -> list[Case]:
    """Return I3D in windows and continual, the pose network, the network for skeletons, and others for windows."""
    found = [_windows(name, videos) for name in (MODEL, *models)]
    (network,) = prepared_networks(find_model(MODEL), in_steps=True)
    frames = np.concatenate([_frames(network, video) for video in videos])
    steps = [frames[start : start + STEP] for start in range(0, min(len(frames), 60 * STEP), STEP)]
    found.append(Case(f"{MODEL}, continual", network, [step for step in steps if len(step) == STEP]))
    pose = prepared_pose(find_pose_model("movenet-multipose"))
    found.append(Case("movenet-multipose", pose, [_frames(pose, video)[0] for video in videos]))
    (network,) = prepared_networks(find_model("everyday-14"))
    noise = np.random.default_rng(0).normal(size=(16, *network.shape)).astype(np.float32)
    found.append(Case("everyday-14, noise", network, list(noise)))
    return found


def _windows(name: str, videos: list[Path]) -> Case:
    network = prepared_networks(find_model(name))[0]
    length = network.shape[0]
    inputs: Inputs = []
    for video in videos:
        frames = _frames(network, video)
        inputs += [frames[i : i + length] for i in range(0, len(frames) - length + 1, length // 2)]
    return Case(name, network, inputs)


def _frames(network: PreparedNetwork, video: Path) -> NDArray[np.uint8]:
    assert network.spec is not None
    return sampled(video, network.spec, RATE)


def row(case: Case, expected: NDArray[np.float32], precision: Any) -> list[str]:
    """Compare with what OpenVINO says, and measure."""
    settings = BackendSettings("tensorrt", precision, max_batch=max(BATCHES))
    start = time.perf_counter()
    load_backend(case.network, settings).close()
    first = time.perf_counter() - start
    backend = load_backend(case.network, settings)
    second = time.perf_counter() - start - first
    found = case.answers(backend)
    same = np.mean(found.argmax(axis=1) == expected.argmax(axis=1))
    error = np.abs(found - expected).max() / max(1, np.abs(expected).max())
    times = [f"{case.time(backend, count) * 1000:.2f}" for count in BATCHES if count <= backend.max_batch]
    name = backend.name
    backend.close()
    return [
        case.name,
        name,
        f"{first:.1f} / {second:.2f}",
        f"{error:.1e}",
        "" if case.network.output == "embedding" else f"{same:.0%} of {len(found)}",
        " / ".join(times),
    ]


def main() -> None:
    """Print a table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--models", nargs="*", default=[], help="further networks for windows")
    parser.add_argument("--precisions", nargs="*", default=["auto", "f32"])
    arguments = parser.parse_args()
    batches = ", ".join(map(str, BATCHES))
    show("network", "with", "first / second start, s", "largest error", "same answer", f"ms for {batches} at once")
    show(*["---"] * 6)
    for case in cases(arguments.videos, arguments.models):
        cpu = load_backend(case.network, BackendSettings("openvino", "f32"))
        expected = case.answers(cpu)
        show(case.name, cpu.name, "", "", "", f"{case.time(cpu, 1) * 1000:.2f}")
        cpu.close()
        for precision in arguments.precisions:
            try:
                show(*row(case, expected, precision))
            except HarError as error:
                show(case.name, precision, "", "", "", str(error))


def show(*cells: str) -> None:
    """Print a row of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()

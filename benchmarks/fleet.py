"""`python benchmarks/fleet.py`: many cameras and a server, simulated, and the simulation beside a real server.

Robots work as the node does: up to `in_flight` windows, of the cameras that were served longest ago and have a new
window, go to the server together, and the next ones when all are answered. The server lets windows that wait run
together on the first GPU that is free. A robot gives a window up after its deadline, and waits a moment then.
A window passes the robot's link, and then the server's, so that the answer comes later than where they overlap.

First, robots on a Triton of this machine, and the same simulated; then 10 to 1,000 cameras on 1 to 64 GPUs.
Needs simpy: pip install simpy.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import simpy
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.progress import track
from rich.table import Table

from har_ros.backends.backend import BackendSettings
from har_ros.backends.triton.backend import RETRY, TritonBackend
from har_ros.backends.triton.repository import ExportSettings, export
from har_ros.backends.triton.wheel import running
from har_ros.graphs.prepare import PreparedNetwork

MB = 1e6


@dataclass(frozen=True)
class Fleet:
    """Robots and their server. Times in seconds, links in bytes per second.

    cameras: of each robot. rate: images per second of a camera. new: images that a window needs. size: of a window as
    it travels, bytes. encoding: of a window, on the robot. service: of a window on a GPU; those that run together take
    as long as one after the other. deadline: after which a robot gives a window up.
    """

    robots: int
    cameras: int
    gpus: int
    service: float
    rate: float = 15.0
    new: int = 1
    size: float = 9.6 * MB
    encoding: float = 0.0
    in_flight: int = 2
    link: float = math.inf
    server_link: float = math.inf
    max_batch: int = 8
    deadline: float = 2.0


@dataclass
class Outcome:
    """What became of windows. ages: seconds between a window's last image and its answer. late: those given up."""

    seconds: float
    ages: list[float] = field(default_factory=list)
    late: int = 0
    busy: float = 0.0  # seconds of all GPUs

    @property
    def answers(self) -> float:
        """Per second."""
        return len(self.ages) / self.seconds


class Server:
    """GPUs that take waiting windows together."""

    def __init__(self, world: simpy.Environment, fleet: Fleet, outcome: Outcome) -> None:
        self._world, self._fleet, self._outcome = world, fleet, outcome
        self._waiting: simpy.Store = simpy.Store(world)
        self.link = simpy.Resource(world)
        for _ in range(fleet.gpus):
            world.process(self._gpu())

    def take(self) -> simpy.Event:
        """Let a window wait; returns its answer."""
        answer = self._world.event()
        self._waiting.put(answer)
        return answer

    def _gpu(self) -> Generator[Any, Any, Any]:
        while True:
            batch = [(yield self._waiting.get())]
            while self._waiting.items and len(batch) < self._fleet.max_batch:
                batch.append((yield self._waiting.get()))
            taken = self._fleet.service * len(batch)
            yield self._world.timeout(taken)
            self._outcome.busy += taken
            for answer in batch:
                answer.succeed()


def robot(
    world: simpy.Environment, fleet: Fleet, server: Server, outcome: Outcome, phase: float
) -> Generator[Any, Any, Any]:
    """Send windows of the cameras, whose images come evenly spread over time."""
    period, link = fleet.new / fleet.rate, simpy.Resource(world)
    due = [phase + period * camera / fleet.cameras for camera in range(fleet.cameras)]  # when the next window is there
    served = [-1.0] * fleet.cameras
    while True:
        ready = sorted((camera for camera in range(fleet.cameras) if due[camera] <= world.now), key=served.__getitem__)
        if not ready:
            yield world.timeout(max(min(due) - world.now, 1e-9))
            continue
        windows = []
        for camera in ready[: fleet.in_flight]:
            missed = math.floor((world.now - due[camera]) / period)  # the newest counts
            end, due[camera] = due[camera] + missed * period, due[camera] + (missed + 1) * period
            served[camera] = world.now
            windows.append(world.process(window(world, fleet, server, link, outcome, end)))
        answers = yield world.all_of(windows)
        if not all(answers.values()):
            yield world.timeout(RETRY)


def window(
    world: simpy.Environment, fleet: Fleet, server: Server, link: simpy.Resource, outcome: Outcome, end: float
) -> Generator[Any, Any, bool]:
    """Send one; returns whether it was answered in time. end: the time of its last image."""
    yield world.timeout(fleet.encoding)
    sent = world.now
    for way, speed in ((link, fleet.link), (server.link, fleet.server_link)):
        with way.request() as free:
            yield free
            yield world.timeout(fleet.size / speed)
    yield server.take()
    if world.now - sent > fleet.deadline:
        outcome.late += 1
        return False
    outcome.ages.append(world.now - end)
    return True


def simulate(fleet: Fleet, seconds: float) -> Outcome:
    """Return what becomes of the windows of the first `seconds`."""
    world, outcome = simpy.Environment(), Outcome(seconds)
    server = Server(world, fleet, outcome)
    for number in range(fleet.robots):
        world.process(robot(world, fleet, server, outcome, number / fleet.robots / fleet.rate))
    world.run(until=seconds)
    return outcome


def heavy_network(folder: Path, layers: int = 200, width: int = 1024) -> PreparedNetwork:
    """Return a network that takes some hundredths of a second for a small window."""
    shape = (8, 16, 16, 3)
    weights = np.random.default_rng(0).normal(size=(width, width), scale=width**-0.5).astype(np.float32)
    constants = {"weights": weights, "starts": np.array([0]), "ends": np.array([width]), "axes": np.array([1])}
    names = [f"layer {number}" for number in range(layers)] + ["out"]
    nodes = [
        helper.make_node("Cast", ["in"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["float"], ["flat"], axis=1),
        helper.make_node("Slice", ["flat", "starts", "ends", "axes"], names[:1]),
        *(helper.make_node("MatMul", [one, "weights"], [other]) for one, other in pairwise(names)),
    ]
    inputs = [helper.make_tensor_value_info("in", TensorProto.UINT8, ["n", *shape])]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", width])]
    arrays = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "heavy", inputs, outputs, arrays)
    path = folder / "heavy.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return PreparedNetwork("heavy", path, "in", "out", shape, "uint8", None, "uint8", "float32", 2, "embedding", False)


def real(robots: int, seconds: float, folder: Path) -> tuple[float, float, float, float]:
    """Let robots, which always have a window, use a real server.

    Returns the seconds that a window alone takes, and then answers per second, the median of the seconds until one, and
    the fewest answers of a robot as a share of the most.
    """
    network = heavy_network(folder)
    export(network, folder / "repository", ExportSettings("python"))
    with running(folder / "repository") as server, ExitStack() as opened:
        settings = BackendSettings("triton", server=str(server.address), deadline=60.0, in_flight=2)
        connections = [TritonBackend(network, settings) for _ in range(robots)]
        for connection in connections:
            opened.callback(connection.close)
            connection.connect()
        clip = np.zeros(network.shape, np.uint8)

        def work(connection: TritonBackend, count: int, seconds: float) -> list[float]:
            taken, end = [], time.perf_counter() + seconds
            while (start := time.perf_counter()) < end:
                connection.infer([clip] * count)
                taken += [time.perf_counter() - start] * count
            return taken

        alone = statistics.median(work(connections[0], 1, seconds / 2))
        with ThreadPoolExecutor(robots) as pool:
            found = list(pool.map(lambda one: work(one, 2, seconds), connections))
        taken, counts = [one for each in found for one in each], list(map(len, found))
    return alone, len(taken) / seconds, statistics.median(taken), min(counts) / max(counts)


def check(console: Console, seconds: float) -> None:
    """Print robots on the real server beside the simulation of them."""
    columns = "robots", "answers/s", "simulated", "until an answer", "simulated", "fewest / most of a robot"
    table = Table(*columns, title="A real server", box=None)
    for robots in (1, 2, 4):
        with TemporaryDirectory() as folder:
            alone, answers, taken, fair = real(robots, seconds, Path(folder))
        fleet = Fleet(robots, cameras=2, gpus=1, service=alone, rate=1e4)
        found = simulate(fleet, seconds)
        ages = f"{statistics.median(found.ages) * 1e3:.0f} ms"
        table.add_row(
            str(robots), f"{answers:.1f}", f"{found.answers:.1f}", f"{taken * 1e3:.0f} ms", ages, f"{fair:.2f}"
        )
    console.print(table)


def main() -> None:
    """Check, and simulate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each simulation (%(default)s)")
    parser.add_argument("--gpu", type=float, default=0.0051, help="seconds of a window on a GPU (%(default)s)")
    parser.add_argument("--robot-link", type=float, default=12.5, help="MB per second of each robot (%(default)s)")
    parser.add_argument("--server-link", type=float, default=1250.0, help="MB per second of the server (%(default)s)")
    parser.add_argument("--no-check", action="store_true", help="leave the real server out")
    options = parser.parse_args()
    console = Console(width=120)
    if not options.no_check:
        check(console, options.seconds)
    base = Fleet(1, 5, 1, options.gpu, link=options.robot_link * MB, server_link=options.server_link * MB)
    ways = {
        "raw": base,
        "JPEG": replace(base, size=0.88 * MB, encoding=0.03),
        "steps": replace(base, size=1.2 * MB, new=8),
        "steps as JPEG": replace(base, size=0.11 * MB, new=8, encoding=0.004),
    }
    table = Table(
        "cameras", "GPUs", "windows", "answers/s of a camera", "age", "95 %", "given up", "GPUs busy", box=None
    )
    cases = list(product((10, 100, 1000), (1, 4, 16, 64), ways))
    for cameras, gpus, way in track(cases, "Simulating", console=Console(stderr=True)):
        fleet = replace(ways[way], robots=cameras // base.cameras, gpus=gpus)
        found = simulate(fleet, options.seconds)
        ages = [f"{np.quantile(found.ages, share) * 1e3:.0f} ms" if found.ages else "" for share in (0.5, 0.95)]
        sent = len(found.ages) + found.late
        table.add_row(
            *(str(cameras), str(gpus), way, f"{found.answers / cameras:.2f}", *ages),
            *(f"{found.late / max(sent, 1):.1%}", f"{found.busy / gpus / options.seconds:.0%}"),
        )
    console.print(table)


if __name__ == "__main__":
    main()

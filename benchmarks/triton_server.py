"""`python benchmarks/triton_server.py [MODEL]`: a network on a Triton server of this machine, and in process.

The server is that of the wheel nvidia-pytriton, whose Python backend runs OpenVINO, too. Windows per second with MODEL,
and the time that a window takes more, with a network of negligible cost; through shared memory, gRPC and HTTP, in
turns. With --continual, a window is a step of MODEL as a continual network, of a camera each. The exit status is 1
when a figure misses what it should be.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table

from har_ros.backends.backend import Backend, BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.repository import ExportSettings, export
from har_ros.backends.triton.wheel import WheelServer, running
from har_ros.errors import ModelError
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.networks.continual import in_rows

LEAST_SHARE = 0.93
"""Windows per second through shared memory, as a share of those in process."""
MOST_ADDED = 0.008
"""Seconds that a window takes more through shared memory."""
HERE, SHARED, GRPC, SHARED_HTTP, HTTP = "in process", "shared memory", "gRPC", "shared memory, asked by HTTP", "HTTP"


def cheap_network(folder: Path, shape: tuple[int, ...]) -> PreparedNetwork:
    """Return a network that looks at one pixel of its window."""
    nodes = [
        helper.make_node("Slice", ["in", "starts", "ends", "axes"], ["pixel"]),
        helper.make_node("Cast", ["pixel"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["float"], ["out"], axis=1),
    ]
    constants = {"starts": [0, 0, 0], "ends": [1, 1, 1], "axes": [1, 2, 3]}
    graph = helper.make_graph(
        nodes,
        "cheap",
        [helper.make_tensor_value_info("in", TensorProto.UINT8, ["n", *shape])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    path = folder / "cheap.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return PreparedNetwork("cheap", path, "in", "out", shape, "uint8", None, "uint8", "float32", 2, "embedding", False)


def ways(network: PreparedNetwork, server: WheelServer, opened: ExitStack) -> dict[str, Backend]:
    """Load the network in process, and from the server in all ways."""
    found = {HERE: load_backend(network, BackendSettings("openvino"))}
    opened.callback(found[HERE].close)
    for address, shared, sent in ((server.address, SHARED, GRPC), (server.http, SHARED_HTTP, HTTP)):
        there = BackendSettings("triton", server=str(address), deadline=600.0)
        found[shared] = load_backend(network, there)
        opened.callback(found[shared].close)
        with patch.object(Client, "share", side_effect=ModelError("not wanted")):
            found[sent] = load_backend(network, there)
        opened.callback(found[sent].close)
        assert SHARED in found[shared].name, found[shared].name
        assert f"through {sent}," in found[sent].name, found[sent].name
    return found


def measured(
    backends: dict[str, Backend], shape: Sequence[int], count: int, repeats: int, keeps: bool = False
) -> dict[str, float]:
    """Return the median of the seconds that a call with `count` windows takes, in turns. keeps: a state for each."""
    windows = list(np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8))
    taken: dict[str, list[float]] = {name: [] for name in backends}
    states = {name: [backend.new_state() for _ in windows] if keeps else [] for name, backend in backends.items()}
    for state in (state for those in states.values() for state in those):
        state.reset()
    for _ in range(repeats):
        for name, backend in backends.items():
            start = time.perf_counter()
            backend.infer(windows, states[name])
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> int:
    """Measure. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="i3d-kinetics-400")
    parser.add_argument("--repeats", type=int, default=10, help="of each way")
    parser.add_argument("--windows", type=int, default=8, help="in a call")
    parser.add_argument("--continual", action="store_true", help="measure steps of the continual network")
    options = parser.parse_args()
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        prepared = prepared_networks(find_model(options.model), 0, options.continual)
        first, *others = map(in_rows, prepared) if options.continual else prepared
        cheap = cheap_network(folder, first.shape)
        for network in (first, *others, cheap):
            export(network, folder / "repository", ExportSettings("python"))
        server = opened.enter_context(running(folder / "repository"))
        backends = ways(first, server, opened)
        many = measured(backends, first.shape, options.windows, options.repeats, options.continual)
        one = measured(ways(cheap, server, opened), cheap.shape, 1, 10 * options.repeats)
    return report(many, one, options.windows, first)


def report(many: dict[str, float], one: dict[str, float], windows: int, network: PreparedNetwork) -> int:
    """Print the figures. Returns the exit status."""
    added_by = f"a window of {network.shape[0]} frames ({math.prod(network.shape):,} bytes) takes more"
    table = Table("", "windows per second", "share", added_by, title=network.name, box=None)
    for name in many:
        share, added = many[HERE] / many[name], one[name] - one[HERE]
        table.add_row(name, f"{windows / many[name]:.2f}", f"{share:.3f}", f"{added * 1e3:.1f} ms")
    Console(width=110).print(table)
    good = many[HERE] / many[SHARED] >= LEAST_SHARE and one[SHARED] - one[HERE] <= MOST_ADDED
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""Networks on MLServer, another implementation of the Open Inference Protocol, in an environment of its own."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from inference_server import SHAPE, rows, windows
from waiting import WAIT

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton.address import Address
from har_ros.backends.triton.wheel import WheelServer, end, free_port
from har_ros.errors import ModelError

INSTALLED = Path(__file__).parents[2] / "build" / "mlserver"
RUNTIME = Path(__file__).with_name("mlserver_runtime.py")
pytestmark = pytest.mark.skipif(
    not (INSTALLED / ".ready").exists(), reason="MLServer is not installed; run: make build/mlserver/.ready"
)


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """The server's. It has the network `small`, and `other`, which takes shorter windows."""
    folder, ports = tmp_path_factory.mktemp("server"), {"gRPC": free_port(), "HTTP": free_port()}
    settings = {"grpc_port": ports["gRPC"], "http_port": ports["HTTP"], "host": "127.0.0.1", "metrics_endpoint": None}
    (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0}))
    for name, shape in (("small", SHAPE), ("other", (2, *SHAPE[1:]))):
        (folder / name).mkdir()
        shutil.copy(RUNTIME, folder / name)
        taken = {"name": "frames", "datatype": "UINT8", "shape": [-1, *shape]}
        given = {"name": "output", "datatype": "FP32", "shape": [-1, 5]}
        model = {"name": name, "implementation": f"{RUNTIME.stem}.FirstValues", "inputs": [taken], "outputs": [given]}
        (folder / name / "model-settings.json").write_text(json.dumps(model))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # ROS is not for it
    command = [INSTALLED / "bin" / "mlserver", "start", folder]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            for protocol, port in ports.items():
                address = Address(protocol.lower(), f"127.0.0.1:{port}")
                WheelServer(process, address, folder / "log").wait_until_ready()
            yield ports
        finally:
            end(process)


@pytest.fixture
def port(ports, protocol):
    return ports[protocol]


def test_the_answers_are_those_of_the_network(port, connect, protocol):
    """Through HTTP, it takes JSON only."""
    backend, clips = connect(port, deadline=WAIT), windows(7)
    way = {"gRPC": "gRPC", "HTTP": "HTTP as JSON"}[protocol]
    assert backend.name == f"Triton at {protocol.lower()}://127.0.0.1:{port} through {way}, precision of the server"
    for _ in range(2):
        np.testing.assert_allclose(backend.infer(clips), rows(clips), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("other", "other on the server .* is not the card's: its input is frames ?×2×8×8×3 UINT8, where"),
        ("missing", "the server at .* says: Model missing .*not found"),
    ],
)
def test_a_network_that_is_not_the_cards_is_refused_in_a_sentence(port, network, name, said, protocol):
    server = BackendSettings("triton", server=f"{protocol.lower()}://127.0.0.1:{port}")
    with pytest.raises(ModelError, match=said.replace("?×", r"\?×")):
        load_backend(replace(network, name=name), server)

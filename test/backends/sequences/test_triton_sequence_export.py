"""How networks that keep a state are exported for Triton, and what is refused."""

import re

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from continual_cameras import LOCAL, NAME, STEP, address_of, exported
from google.protobuf import text_format
from inference_server import InferenceServer, serving
from triton_wheel import NEEDS_SERVER
from tritonclient.grpc.model_config_pb2 import ModelConfig

from har_ros.backends.load import load_backend
from har_ros.backends.triton.wheel import running
from har_ros.commands.main import main as actionnet
from har_ros.errors import ModelError
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.networks.continual import in_rows

STAND_IN = """
class TritonPythonModel:
    def execute(self, requests):
        return []
"""


@NEEDS_SERVER
@pytest.mark.parametrize("runner", ["onnxruntime", "tensorrt"])
def test_an_onnx_networks_state_is_the_servers_own(card, tmp_path, runner):
    """ONNX Runtime, here, gives the local answers when each state follows on the one before, zeros first.

    Triton reads this configuration, with another backend that stands in for the one that is not there.
    """
    folder = exported(card, tmp_path, "--runner", runner) / NAME
    config = text_format.Parse((folder / "config.pbtxt").read_text(), ModelConfig())
    assert not config.HasField("dynamic_batching")
    assert (config.backend, config.sequence_batching.oldest.max_candidate_sequences) == ("onnxruntime", 32)
    states = config.sequence_batching.state
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx")
    kept = {}
    for state in states:
        [zeros] = state.initial_state
        assert zeros.zero_data
        assert (zeros.data_type, list(zeros.dims)) == (state.data_type, list(state.dims))
        kept[state.input_name] = np.zeros((2, *state.dims), np.float32)
    (network,) = map(in_rows, prepared_networks(find_model(str(card)), 0, True))
    local = load_backend(network, LOCAL)
    streams = [local.new_state() for _ in range(2)]
    for frames in np.random.default_rng(0).integers(0, 256, (12, 2, *network.shape), np.uint8):
        names = ["output", *(state.output_name for state in states)]
        rows, *following = session.run(names, {"frames": frames, **kept})
        np.testing.assert_allclose(rows, local.infer(list(frames), streams), atol=1e-4)
        kept = dict(zip(kept, following, strict=True))
    config.backend = "python"
    config.ClearField("optimization")
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))
    (folder / "1" / "model.py").write_text(STAND_IN)
    with running(tmp_path) as server:
        assert re.search(f"successfully loaded '{NAME}'", server.log())


def test_what_keeps_no_state_is_refused(card, tmp_path, connect, capsys):
    assert actionnet(["triton", "export", str(card), "-o", str(tmp_path), "--runner", "openvino"]) == 1
    assert "keeps a state, which a server's own openvino does not; use --runner python" in " ".join(
        capsys.readouterr().err.split()
    )
    found = InferenceServer(NAME, (STEP, 16, 16, 3))
    with (
        serving(found) as port,
        pytest.raises(ModelError, match=r"it keeps no state \(sequence_batching\), which a continual network needs"),
    ):
        connect(address_of(port))

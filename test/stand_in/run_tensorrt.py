"""TensorRtBackend with everything real but the GPU: test_tensorrt.py runs this with cuda.c in the driver's place.

Engines are built by TensorRT; in place of running one, ONNX Runtime computes the network it was built from, in
"device" memory.
"""

import ctypes
import threading
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from small_networks import encoder_decoder, linear_network, write_card
from tensorrt_networks import small_continual

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.tensorrt import engine
from har_ros.errors import ConfigurationError, ModelError
from har_ros.graphs.prepare import merged
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.networks.encoder_decoder import EncoderDecoder

DRIVER = ctypes.CDLL("libcuda.so.1")


class Engine:
    """Runs the ONNX network that an engine file was built from."""

    def __init__(self, network):
        self.network = network

    def create_execution_context(self):
        return Context(self.network)


class Context:
    """The calls of trt.IExecutionContext that the backend makes."""

    def __init__(self, network):
        self.type, self.states = network.type, network.states
        self.session = onnxruntime.InferenceSession(merged(network), providers=["CPUExecutionProvider"])
        self.addresses, self.shapes = {}, {}

    def set_input_shape(self, name, shape):
        self.shapes[name] = shape
        return True

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def get_tensor_shape(self, name):
        zeros = {one: np.zeros(shape, self.type_of(one)) for one, shape in self.shapes.items()}
        return self.session.run([name], zeros)[0].shape

    def execute_async_v3(self, stream):
        given = {name: at(self.addresses[name], shape, self.type_of(name)) for name, shape in self.shapes.items()}
        outputs = ["output", *(f"network/{state.output}" for state in self.states)]
        for name, value in zip(outputs, self.session.run(outputs, given), strict=True):
            at(self.addresses[name], value.shape, np.float32)[:] = value
        return stream != 0

    def type_of(self, name):
        return self.type if name == "frames" else np.float32


def at(address, shape, dtype):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address)).view(dtype).reshape(shape)


@pytest.fixture
def loads(monkeypatch):
    """Let engines "load" into ONNX Runtime; what `refused` counts down does not load."""
    state = {"network": None, "refused": 0, "files": []}

    def deserialised(file):
        state["files"].append(file.read_bytes()[:4])
        state["refused"] -= 1
        return None if state["refused"] >= 0 else Engine(state["network"])

    monkeypatch.setattr(engine, "deserialised", deserialised)
    return state


@pytest.fixture(autouse=True)
def nothing_leaks():
    yield
    names = ("stand_in_allocations", "stand_in_streams", "stand_in_contexts")
    assert [ctypes.c_int.in_dll(DRIVER, name).value for name in names] == [0, 0, 0]


@pytest.fixture
def networks(tmp_path, own_cache):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    (clip,) = prepared_networks(find_model(str(write_card(tmp_path, input={"range": [0, 1]}))))
    return clip, *prepared_networks(find_model(str(encoder_decoder(tmp_path)[0])))


def inputs_of(network):
    return list(np.random.default_rng(0).integers(0, 256, (7, *network.shape)).astype(network.type))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_batches_give_what_openvino_gives(networks, loads, index):
    network = loads["network"] = networks[index]
    inputs = inputs_of(network)
    expected = load_backend(network, BackendSettings("openvino", "f32")).infer(inputs)
    backend = load_backend(network, BackendSettings("tensorrt", max_batch=3))
    assert (backend.name, backend.max_batch) == ("TensorRT on Stand-in, f16", 3)
    for count in (1, 2, 3, 7, 1):
        np.testing.assert_allclose(backend.infer(inputs[:count]), expected[:count], atol=1e-3)
    backend.close()


def test_states_stay_with_their_streams(tmp_path, own_cache, loads):
    """Seven streams in batches of three, stepping together or not, against OpenVINO; one of them is reset."""
    (network,) = small_continual(tmp_path)
    network = loads["network"] = replace(network, output="embedding")
    backend = load_backend(network, BackendSettings("tensorrt", "f32", max_batch=3))
    other = load_backend(network, BackendSettings("openvino", "f32"))
    states, expected = ([one.new_state() for _ in range(7)] for one in (backend, other))
    rng = np.random.default_rng(0)
    for turn in range(14):
        who = [i for i in range(7) if (i + turn) % 4]
        inputs = [rng.integers(0, 256, network.shape, np.uint8) for _ in who]
        if turn == 7:
            states[2].reset()
            expected[2].reset()
        rows = backend.infer(inputs, [states[i] for i in who])
        np.testing.assert_allclose(rows, other.infer(inputs, [expected[i] for i in who]), atol=1e-4)
    backend.close()


def test_the_state_of_a_camera_that_went_is_used_again(tmp_path, own_cache, loads):
    (network,) = small_continual(tmp_path)
    loads["network"] = network
    backend = load_backend(network, BackendSettings("tensorrt", "f32"))
    before = ctypes.c_int.in_dll(DRIVER, "stand_in_allocations").value
    for _ in range(5):
        state = backend.new_state()
        del state
    assert ctypes.c_int.in_dll(DRIVER, "stand_in_allocations").value == before + 1
    backend.close()


def test_a_network_with_states_cannot_be_on_standby(tmp_path, loads):
    (network,) = small_continual(tmp_path)
    with pytest.raises(ConfigurationError, match=r"cpu_while_building cannot be with continual, .*; set one"):
        load_backend(network, BackendSettings("tensorrt", cpu_while_building=True))


def test_it_runs_in_another_thread_than_it_was_loaded_in(networks, loads):
    network = loads["network"] = networks[0]
    backend, rows = load_backend(network, BackendSettings("tensorrt")), []
    thread = threading.Thread(target=lambda: rows.append(backend.infer(inputs_of(network))))
    thread.start()
    thread.join(timeout=30)
    assert rows[0].shape == (7, 5)
    backend.close()


def test_an_engine_that_does_not_load_is_built_again(networks, loads, monkeypatch):
    builds, build = [], engine.build
    monkeypatch.setattr(engine, "build", lambda *arguments: builds.append(1) or build(*arguments))
    loads["network"], loads["refused"] = networks[0], 1
    load_backend(networks[0], BackendSettings("tensorrt")).close()
    assert (len(builds), len(loads["files"])) == (2, 2)


def test_an_engine_that_never_loads_is_one_sentence(networks, loads):
    loads["refused"] = 2
    with pytest.raises(ModelError, match="TensorRT does not load the engine of small that it built"):
        load_backend(networks[0], BackendSettings("tensorrt"))


def test_the_cpu_serves_while_the_engine_is_built(networks, loads):
    network = loads["network"] = networks[0]
    backend = load_backend(network, BackendSettings("tensorrt", "f32", cpu_while_building=True))
    before = backend.infer(inputs_of(network))
    assert backend.wait(60)
    np.testing.assert_allclose(backend.infer(inputs_of(network)), before, atol=0.01)
    assert backend.name == "TensorRT on Stand-in, f32"
    backend.close()


def test_the_end_cancels_the_build(networks, loads, monkeypatch):
    """It begins when the end has come, so that the first step that TensorRT reports is the last."""
    ended, results, build = threading.Event(), [], engine.build

    def late(*arguments):
        assert ended.wait(30)
        try:
            results.append(build(*arguments))
        except ModelError as error:
            results.append(str(error))
            raise

    monkeypatch.setattr(engine, "build", late)
    backend = load_backend(networks[0], BackendSettings("tensorrt", "f32", cpu_while_building=True))
    backend.close()
    ended.set()
    assert backend.wait(60)
    assert results == ["the build of small was cancelled; start it again when it is wanted"]


def test_an_encoder_is_freed_when_its_decoder_does_not_load(networks, loads):
    loads["network"], loaded = networks[1], []

    def load(network):
        if loaded:
            raise ModelError("no memory")
        loaded.append(load_backend(network, BackendSettings("tensorrt")))
        return loaded[0]

    with pytest.raises(ModelError, match="no memory"):
        EncoderDecoder(networks[1:], load)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("set_input_shape", "TensorRT takes no 3×4×8×8×3 for frames"),
        ("set_tensor_address", "TensorRT takes no address"),
    ],
)
def test_what_tensorrt_refuses_is_one_sentence_and_nothing_leaks(networks, loads, monkeypatch, call, reason):
    loads["network"] = networks[0]
    monkeypatch.setattr(Context, call, lambda *arguments: False)
    with pytest.raises(ModelError, match=f"^{reason}.*; the log says why; set backend to openvino$"):
        load_backend(networks[0], BackendSettings("tensorrt", max_batch=3))


def test_what_was_allocated_is_freed_when_memory_is_short(tmp_path, own_cache, loads):
    """A network takes a block on either side for its input and its output, and two on the device for each state."""
    (network,) = small_continual(tmp_path)
    loads["network"] = network
    needed = 4 + 2 * len(network.states)
    blocks, memory = (ctypes.c_int.in_dll(DRIVER, f"stand_in_{name}") for name in ("allocations", "memory"))
    try:
        for memory.value in (0, 1, 2, 3, needed - 1):
            with pytest.raises(ModelError, match=r"CUDA_ERROR_OUT_OF_MEMORY; use a smaller max_batch, or free"):
                load_backend(network, BackendSettings("tensorrt", "f32"))
            assert blocks.value == 0
        memory.value = needed
        backend = load_backend(network, BackendSettings("tensorrt", "f32"))
        with pytest.raises(ModelError, match=r"CUDA_ERROR_OUT_OF_MEMORY; use a smaller max_batch, or free"):
            backend.new_state()
        backend.close()
    finally:
        memory.value = 1000


def test_a_batch_that_tensorrt_refuses_is_not_computed_with_another_shape(networks, loads, monkeypatch):
    network = loads["network"] = networks[0]
    backend = load_backend(network, BackendSettings("tensorrt", max_batch=3))
    with monkeypatch.context() as patch:
        patch.setattr(Context, "set_input_shape", lambda *arguments: False)
        with pytest.raises(ModelError, match=r"^TensorRT takes no 2×"):
            backend.infer(inputs_of(network)[:2])
    assert len(backend.infer(inputs_of(network)[:2])) == 2
    backend.close()


def test_auto_takes_the_gpu(networks, loads):
    loads["network"] = networks[0]
    backend = load_backend(networks[0], BackendSettings("auto"))
    assert backend.name == "TensorRT on Stand-in, f16"
    backend.close()

"""TensorRT engines, built here for GPUs that are elsewhere."""

import logging
import multiprocessing
import subprocess
import sys
import threading
from dataclasses import replace

import onnx
import pytest
from tensorrt_networks import CONTINUAL, NETWORKS, SKELETONS, i3d, small_clip

from har_ros.errors import ModelError

engine = pytest.importorskip("har_ros.backends.tensorrt.engine", exc_type=ModelError)  # the reason says what is missing
trt = engine.trt

GPUS = [engine.Gpu("NVIDIA GeForce RTX 3080", (8, 6)), engine.Gpu("NVIDIA L4", (8, 9))]
SM86, SM89 = GPUS
MAGIC = b"vtrt"  # with which TensorRT's engines begin

pytestmark = pytest.mark.usefixtures("module_cache")


@pytest.mark.rtx
@pytest.mark.parametrize("kind", [*NETWORKS, *SKELETONS, *CONTINUAL])
@pytest.mark.parametrize("capability", GPUS, ids=lambda one: one.name)
def test_engines_are_built_cached_and_built_again_when_damaged(tmp_path, monkeypatch, kind, capability):
    builds, build = [], engine.build
    monkeypatch.setattr(engine, "build", lambda *arguments: builds.append(1) or build(*arguments))
    for network in {**NETWORKS, **SKELETONS, **CONTINUAL}[kind](tmp_path):
        builds.clear()
        file = engine.engine_file(network, capability, half=True, max_batch=4)
        content = file.read_bytes()
        assert content[:4] == MAGIC
        assert engine.engine_file(network, capability, half=True, max_batch=4) == file
        assert len(builds) == 1
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert engine.engine_file(network, capability, half=True, max_batch=4) == file
        assert file.read_bytes()[:4] == MAGIC
        assert len(builds) == 2


@pytest.mark.rtx
@pytest.mark.usefixtures("own_cache")
def test_the_network_that_is_built_takes_uint8_batches_and_computes_in_float16(tmp_path, monkeypatch):
    seen = {}
    real = trt.Builder.build_serialized_network

    def watched(builder, network, config):
        seen["input"] = (network.get_input(0).name, network.get_input(0).dtype, tuple(network.get_input(0).shape))
        seen["output"] = (network.get_output(0).name, network.get_output(0).dtype)
        seen["shapes"] = [tuple(shape) for shape in config_shapes]
        layers = [network.get_layer(i) for i in range(network.num_layers)]
        seen["convolutions"] = {
            layer.get_output(0).dtype for layer in layers if layer.type == trt.LayerType.CONVOLUTION
        }
        seen["softmax"] = {layer.get_output(0).dtype for layer in layers if layer.type == trt.LayerType.SOFTMAX}
        return real(builder, network, config)

    config_shapes = []
    real_shape = trt.IOptimizationProfile.set_shape

    def set_shape(profile, name, *shapes):
        config_shapes.extend(shapes)
        return real_shape(profile, name, *shapes)

    monkeypatch.setattr(trt.IOptimizationProfile, "set_shape", set_shape)
    monkeypatch.setattr(trt.Builder, "build_serialized_network", watched)
    (network,) = small_clip(tmp_path)
    engine.engine_file(network, SM86, True, 4)
    assert seen == {
        "input": ("frames", trt.DataType.UINT8, (-1, 8, 16, 16, 3)),
        "output": ("output", trt.DataType.FLOAT),
        "shapes": [(batch, 8, 16, 16, 3) for batch in (1, 4, 4)],
        "convolutions": {trt.DataType.HALF},
        "softmax": {trt.DataType.FLOAT},
    }


@pytest.mark.rtx
def test_whatever_an_engine_depends_on_is_in_its_key(tmp_path, monkeypatch):
    (network,) = small_clip(tmp_path)
    monkeypatch.setattr(engine, "build", lambda *arguments: b"engine")
    other = replace(network, spec=replace(network.spec, mean=(0.5, 0.4, 0.4)))
    files = [
        engine.engine_file(network, SM86, True, 4),
        engine.engine_file(network, SM89, True, 4),
        engine.engine_file(network, engine.Gpu("NVIDIA RTX A4000", (8, 6)), True, 4),
        engine.engine_file(network, replace(SM86, capability=(8, 9)), True, 4),
        engine.engine_file(network, SM86, False, 4),
        engine.engine_file(network, SM86, True, 2),
        engine.engine_file(other, SM86, True, 4),
    ]
    monkeypatch.setattr(engine, "VERSION", "99.0")
    files.append(engine.engine_file(network, SM86, True, 4))
    assert len(set(files)) == len(files) == 8


@pytest.mark.usefixtures("own_cache")
def test_an_older_tensorrt_gets_the_operators_that_it_reads(tmp_path, monkeypatch):
    """Version 8 takes ONNX's operator sets up to 17; the converted I3D has 18."""
    built = []
    monkeypatch.setattr(engine, "build", lambda model, *others: built.append(model) or b"engine")
    (network,) = i3d(tmp_path)
    engine.engine_file(network, SM86, False, 4)
    monkeypatch.setattr(engine, "NEWEST_OPSET", 17)
    engine.engine_file(network, SM86, False, 4)
    versions = [onnx.load_from_string(model).opset_import[0].version for model in built]
    assert versions == [18, 17]


def build_in_a_process(network, results):
    """Build as another node would; count the builds."""
    builds, build = [], engine.build
    engine.build = lambda *arguments: builds.append(1) or build(*arguments)
    results.put((str(engine.engine_file(network, SM89, True, 3)), len(builds)))


@pytest.mark.rtx
def test_two_nodes_do_not_build_the_same(tmp_path, own_cache):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    (network,) = small_clip(tmp_path)
    processes = [context.Process(target=build_in_a_process, args=(network, results)) for _ in range(3)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert len({file for file, _ in found}) == 1
    assert sum(builds for _, builds in found) == 1


@pytest.mark.rtx
def test_an_unwritable_cache_builds_for_this_start_and_says_so(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (network,) = small_clip(tmp_path)
    assert engine.engine_file(network, SM86, True, 4).read_bytes()[:4] == MAGIC
    assert "so this start's work is lost; make it writable or set XDG_CACHE_HOME" in caplog.text


@pytest.mark.rtx
def test_a_long_build_says_that_it_goes_on(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(engine, "HEARTBEAT", 0.001)
    (network,) = i3d(tmp_path)
    engine.build(engine.merged(network, half=True), network, SM86, True, 1)
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0] == f"building the engine of {network.name} for {SM86.name}, once; this can take minutes"
    stages = {text.partition(": ")[2].partition(",")[0] for text in texts[1:-1]}
    assert stages  # TensorRT names what it is doing; how many are seen depends on the machine
    assert "" not in stages
    assert texts[-1].startswith(f"built the engine of {network.name} for {SM86.name} in ")


CTRL_C = """
import logging, signal
from har_ros.backends.tensorrt import engine
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model

class Interrupting(logging.Handler):
    def emit(self, record):
        if "so far" in record.getMessage():
            signal.raise_signal(signal.SIGINT)

engine.HEARTBEAT = 0.001
engine.logger.setLevel(logging.INFO)
engine.logger.addHandler(Interrupting())
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts us may ignore it
(network,) = prepared_networks(find_model("i3d-kinetics-400"), 16)
model = engine.merged(network, half=True)
try:
    engine.build(model, network, engine.Gpu("NVIDIA L4", (8, 9)), True, 1)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.rtx
def test_ctrl_c_ends_a_build():
    """In a process of its own: pytest's faulthandler has too small a signal stack for a thread that used AMX."""
    result = subprocess.run([sys.executable, "-c", CTRL_C], capture_output=True, text=True, timeout=100)
    assert (result.returncode, result.stdout, result.stderr) == (0, "interrupted\n", "")


@pytest.mark.rtx
def test_what_tensorrt_cannot_take_is_one_sentence(tmp_path):
    (network,) = small_clip(tmp_path)
    model = engine.merged(network).replace(b"MaxPool", b"MaxPoon")
    with pytest.raises(
        ModelError, match=r"TensorRT cannot take small \(MaxPoon: .*\); set backend to openvino"
    ) as caught:
        engine.build(model, network, SM86, False, 1)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"does not know the Old One \(SM52\)"):
        engine.build(engine.merged(network), network, engine.Gpu("Old One", (5, 2)), False, 1)


@pytest.mark.rtx
def test_a_build_that_fails_names_the_first_of_its_errors(tmp_path, monkeypatch, caplog):
    """Those that follow say only that the functions around it have failed."""
    caplog.set_level(logging.INFO)
    (network,) = small_clip(tmp_path)
    for reason in ("Could not find any implementation for node a", "Unable to load library: libcublas.so.11"):

        def fails(builder, network, config, reason=reason):
            for text in (reason, "Assertion engine != nullptr failed."):
                engine.LOG.log(trt.ILogger.ERROR, text)

        monkeypatch.setattr(trt.Builder, "build_serialized_network", fails)
        with pytest.raises(ModelError, match=rf"^TensorRT cannot build small \({reason}\); set backend"):
            engine.build(engine.merged(network), network, SM86, False, 1)
    assert "Assertion" not in caplog.text
    engine.LOG.log(trt.ILogger.ERROR, "of an engine that runs")
    assert caplog.records[-1].levelno == logging.WARNING


@pytest.mark.rtx
def test_a_builder_stays_in_one_thread(tmp_path, monkeypatch):
    """A thread has its own CUDA context, which TensorRT does not let a builder change."""
    threads = []
    for name in ("create_network", "build_serialized_network"):
        real = getattr(trt.Builder, name)

        def noted(*arguments, real=real):
            threads.append(threading.get_ident())
            return real(*arguments)

        monkeypatch.setattr(trt.Builder, name, noted)
    (network,) = small_clip(tmp_path)
    engine.build(engine.merged(network, half=True), network, SM86, True, 1)
    assert len(threads) == 2
    assert len(set(threads)) == 1


def test_a_tensorrt_that_does_not_start_is_one_sentence(tmp_path, monkeypatch):
    """Its bindings then raise TypeError, behind what its log says."""

    def builder(log):
        log.log(trt.ILogger.ERROR, "CUDA initialization failure\nwith error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    monkeypatch.setattr(trt, "Builder", builder)
    (network,) = small_clip(tmp_path)
    with pytest.raises(ModelError, match=r"^TensorRT cannot start \(CUDA initialization failure with error: 35\);"):
        engine.build(b"", network, SM86, True, 1)

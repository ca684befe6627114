"""TensorRT without a GPU: what is missing, and all around it with a stand-in; what runs on one is marked gpu."""

import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from needs import gpu as gpu_missing
from small_networks import linear_network, write_card
from tensorrt_networks import CONTINUAL, NETWORKS, small_clip

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import BackendMissingError, ModelError
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model

engine = pytest.importorskip("har_ros.backends.tensorrt.engine", exc_type=ModelError)  # the reason says what is missing
trt = engine.trt

OPENVINO = BackendSettings("openvino", "f32")

gpu = pytest.mark.gpu
pytestmark = pytest.mark.usefixtures("module_cache")


@pytest.mark.skipif(not gpu_missing(), reason="there is a GPU; hide it: CUDA_VISIBLE_DEVICES= pytest test/backends")
def test_a_missing_gpu_is_one_sentence_and_auto_takes_openvino(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "har_ros")
    (network,) = small_clip(tmp_path)
    with pytest.raises(
        BackendMissingError, match=r"there is no NVIDIA GPU that can be used: .*; check with nvidia-smi"
    ) as caught:
        load_backend(network, BackendSettings("tensorrt"))
    assert "\n" not in str(caught.value)
    with_auto = load_backend(network, BackendSettings("auto"))
    assert with_auto.name.startswith("OpenVINO on CPU")
    (record,) = [record for record in caplog.records if "openvino runs small, because" in record.getMessage()]
    assert "there is no NVIDIA GPU" in record.getMessage()
    assert record.levelno == logging.DEBUG  # no news to who has none


@pytest.mark.parametrize(
    ("module", "reason"),
    [("tensorrt_rtx_bindings", "TensorRT cannot be imported"), ("cuda.bindings", "cuda-bindings cannot be imported")],
)
def test_a_missing_library_is_one_sentence(tmp_path, monkeypatch, module, reason):
    for name in ("har_ros.backends.tensorrt.engine", "har_ros.backends.tensorrt.cuda"):
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(name)
    for name in {module, *(engine.NAMES if "tensorrt" in module else ())}:
        monkeypatch.setitem(sys.modules, name, None)  # its import fails
    (network,) = small_clip(tmp_path)
    with pytest.raises(BackendMissingError, match=f"^{reason} .*; (install|run: pip install)") as caught:
        load_backend(network, BackendSettings("tensorrt"))
    assert "\n" not in str(caught.value)
    assert load_backend(network, BackendSettings("auto")).name.startswith("OpenVINO")


def test_bf16_is_refused(tmp_path):
    (network,) = small_clip(tmp_path)
    with pytest.raises(ModelError, match="does not run bf16 here; set precision to auto, f16 or f32"):
        load_backend(network, BackendSettings("tensorrt", "bf16"))
    assert load_backend(network, BackendSettings("auto", "bf16")).name.startswith("OpenVINO")


@pytest.mark.rtx
def test_what_surrounds_the_gpu_with_a_stand_in_for_the_driver(tmp_path):
    """In a process of its own, since this one must find no driver."""
    folder = Path(__file__).parents[1] / "stand_in"
    command = ["g++", "-x", "c", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", tmp_path / "libcuda.so.1"]
    subprocess.run([*command, folder / "cuda.c", "-ldl"], check=True, capture_output=True)
    paths = f"{tmp_path}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    result = subprocess.run(
        [Path(sys.executable).with_name("pytest"), "-q", folder / "run_tensorrt.py"],
        env={**os.environ, "LD_LIBRARY_PATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
    assert re.fullmatch(
        r"\d+ passed(, \d+ warnings?)? in .*", result.stdout.splitlines()[-1]
    )  # none was skipped or left out


# --- on a GPU ---


def clips(network, count):
    return list(np.random.default_rng(0).integers(0, 256, (count, *network.shape)).astype(network.type))


@gpu
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 1e-3), ("auto", 0.03)])
def test_tensorrt_gives_what_openvino_gives(tmp_path, kind, precision, tolerance):
    for network in NETWORKS[kind](tmp_path):
        raw = replace(network, output="embedding")
        inputs = clips(network, 7)
        expected = load_backend(raw, OPENVINO).infer(inputs)
        backend = load_backend(raw, BackendSettings("tensorrt", precision, max_batch=3))
        scale = np.abs(expected).max()
        for count in (1, 2, 3, 7):
            assert np.abs(backend.infer(inputs[:count]) - expected[:count]).max() < tolerance * max(1, scale)
        backend.close()


@gpu
@pytest.mark.parametrize("kind", CONTINUAL)
def test_states_on_the_gpu_are_those_of_openvino(tmp_path, kind):
    (network,) = CONTINUAL[kind](tmp_path)
    raw = replace(network, output="embedding")
    backends = [load_backend(raw, settings) for settings in (OPENVINO, BackendSettings("tensorrt", "f32", max_batch=2))]
    states = [[backend.new_state() for _ in range(3)] for backend in backends]
    for _ in range(16):
        inputs = clips(raw, 3)
        expected, found = (backend.infer(inputs, kept) for backend, kept in zip(backends, states, strict=True))
        assert np.abs(found - expected).max() < 1e-3 * max(1, np.abs(expected).max())
    backends[1].close()


@gpu
def test_an_engine_that_does_not_load_is_built_again(tmp_path, monkeypatch, own_cache):
    (network,) = small_clip(tmp_path)
    built = []
    with monkeypatch.context() as patch:
        patch.setattr(engine, "build", lambda *arguments: built.append(1) or b"not an engine")
        with pytest.raises(ModelError, match="does not load the engine of small that it built"):
            load_backend(network, BackendSettings("tensorrt"))
    assert len(built) == 2
    load_backend(network, BackendSettings("tensorrt")).close()


@gpu
def test_the_cpu_serves_while_the_engine_is_built(tmp_path, own_cache):
    (network,) = small_clip(tmp_path)
    backend = load_backend(network, BackendSettings("tensorrt", "f32", cpu_while_building=True))
    inputs = clips(network, 2)
    before = backend.infer(inputs)
    assert backend.wait(300)
    after = backend.infer(inputs)
    assert backend.name.startswith("TensorRT on ")
    np.testing.assert_allclose(after, before, atol=1e-2)
    backend.close()


@gpu
def test_a_fixed_batch_of_one_runs_one_by_one(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3), batch=1)
    (network,) = prepared_networks(find_model(str(write_card(tmp_path, input={"range": [0, 1]}))))
    backend = load_backend(network, BackendSettings("tensorrt", "f32"))
    assert backend.max_batch == 1
    inputs = clips(network, 3)
    np.testing.assert_allclose(backend.infer(inputs), load_backend(network, OPENVINO).infer(inputs), atol=1e-3)
    backend.close()

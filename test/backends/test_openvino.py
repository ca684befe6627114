"""OpenVINO's settings, cache and errors."""

import logging
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_networks import convolutional_network, linear_network, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ConfigurationError, ModelError
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model


@pytest.fixture
def network(tmp_path):
    convolutional_network(tmp_path / "small.onnx")
    fields = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16}
    return prepared_networks(find_model(str(write_card(tmp_path, input=fields, window={"frames": 8}))))[0]


def clip(network):
    return np.random.default_rng(0).integers(0, 256, network.shape, np.uint8)


@pytest.mark.parametrize("precision", ["f32", "bf16", "f16"])
def test_precision_is_what_was_asked_for_or_it_is_said(network, precision, caplog):
    """Which of them a CPU has differs."""
    backend = load_backend(network, BackendSettings("openvino", precision))
    said = f"this CPU has no {precision} for OpenVINO, which computes in" in caplog.text
    assert said != (backend.name == f"OpenVINO on CPU, {precision}")
    assert not (said and precision == "f32")
    exact = load_backend(network, BackendSettings("openvino", "f32"))
    np.testing.assert_allclose(backend.infer([clip(network)]), exact.infer([clip(network)]), atol=0.02)


@pytest.mark.parametrize("threads", [0, 1])
def test_threads_are_not_tied_to_cores(network, threads):
    assert not load_backend(network, BackendSettings("openvino", threads=threads))._compiled.get_property(
        "ENABLE_CPU_PINNING"
    )


def test_the_number_of_threads_changes_no_answer(network):
    counts, answers = [], []
    for threads in (1, 2):
        backend = load_backend(network, BackendSettings("openvino", threads=threads))
        counts.append(backend._compiled.get_property("INFERENCE_NUM_THREADS"))
        answers.append(backend.infer([clip(network)]))
        backend.close()
    assert counts == [1, min(2, len(os.sched_getaffinity(0)))]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize(("limit", "threads"), [(0.5, 1), (1.9, 1), (math.inf, 0)])
def test_a_container_s_share_of_the_processor_limits_the_threads(network, limit, threads, monkeypatch):
    monkeypatch.setattr("har_ros.backends.openvino.backend.quota", lambda: limit)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    backend = load_backend(network, BackendSettings("openvino"))
    assert backend._compiled.get_property("INFERENCE_NUM_THREADS") == (threads or len(os.sched_getaffinity(0)))


def test_a_device_that_is_not_there_is_named(network, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(ConfigurationError, match=r"OpenVINO finds no NPU here, only CPU.*; set device to one of these"):
        load_backend(network, BackendSettings("openvino", device="NPU"))
    with pytest.raises(ConfigurationError, match="OpenVINO finds no NPU"):  # a device is OpenVINO's, TensorRT or not
        load_backend(network, BackendSettings("auto", device="NPU"))
    assert "because" not in caplog.text


def test_what_was_compiled_is_kept(network, own_cache, monkeypatch):
    settings = BackendSettings("openvino", "f32")
    first = load_backend(network, settings).infer([clip(network)])
    (blob,) = (own_cache / "openvino").glob("*.blob")
    written = blob.stat().st_mtime_ns
    np.testing.assert_array_equal(load_backend(network, settings).infer([clip(network)]), first)
    assert [path.stat().st_mtime_ns for path in (own_cache / "openvino").glob("*.blob")] == [written]
    other = BackendSettings("openvino", "bf16")
    from_cache = load_backend(network, other).infer([clip(network)])
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_cache / "another"))
    np.testing.assert_array_equal(load_backend(network, other).infer([clip(network)]), from_cache)


def test_other_arithmetic_is_not_taken_from_the_cache(tmp_path, own_cache):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    answers = []
    for high in (1, 2):
        (network,) = prepared_networks(find_model(str(write_card(tmp_path, input={"range": [0, high]}))))
        answers.append(load_backend(network, BackendSettings("openvino", "f32")).infer([clip(network)]))
    assert np.abs(answers[0] - answers[1]).max() > 0.01


def test_a_damaged_cache_is_built_again(network, own_cache):
    settings = BackendSettings("openvino", "f32")
    first = load_backend(network, settings).infer([clip(network)])
    for blob in (own_cache / "openvino").glob("*.blob"):
        blob.write_bytes(b"damaged")
    np.testing.assert_array_equal(load_backend(network, settings).infer([clip(network)]), first)


def test_an_unwritable_cache_is_done_without(network, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load_backend(network, BackendSettings("openvino")).infer([clip(network)]).shape == (1, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="it stands between a program and glibc; run it on Linux")
def test_the_thread_that_ran_a_network_may_end_while_another_frees_it(tmp_path):
    """In a process of its own: the library that counts must be there before the others."""
    folder, library = Path(__file__).parents[1] / "stand_in", tmp_path / "thread_exit.so"
    command = ["g++", "-x", "c", "-shared", "-fPIC", "-o", library, folder / "thread_exit.c", "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    result = subprocess.run(
        [Path(sys.executable).with_name("pytest"), "-q", folder / "run_openvino.py"],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout


def test_what_openvino_cannot_load_or_run_is_one_sentence(network, tmp_path):
    settings = BackendSettings("openvino", "f32")
    with pytest.raises(
        ModelError, match=r"OpenVINO cannot load .* for inputs of 8×16×16×4 .*; check the model card"
    ) as caught:
        load_backend(replace(network, shape=(8, 16, 16, 4)), settings)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"OpenVINO failed \(.*\); try another network") as caught:
        load_backend(network, settings).infer([np.zeros((3, 16, 16, 3), np.uint8)])
    assert "\n" not in str(caught.value)
    (tmp_path / "no.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"OpenVINO cannot read .*no\.onnx"):
        load_backend(replace(network, path=tmp_path / "no.onnx"), settings)

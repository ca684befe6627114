"""The model repositories that are written for Triton, without a server that reads them."""

import re
import subprocess
import sys

import numpy as np
import onnxruntime
import openvino
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from google.protobuf import text_format
from small_networks import encoder_decoder, linear_network, one_person, write_card
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton import wheel
from har_ros.backends.triton.contract import parameters
from har_ros.commands.main import main as actionnet
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model

SHAPE = (4, 8, 8, 3)


@pytest.fixture
def card(tmp_path):
    linear_network(tmp_path / "small.onnx", SHAPE)
    return write_card(tmp_path, labels=["a", 'b "quoted"', "c\\", "höher", "e"])


def config_of(folder):
    config = text_format.Parse((folder / "config.pbtxt").read_text(), ModelConfig())
    assert config.name == folder.name
    return config


def windows(count):
    return np.random.default_rng(0).integers(0, 256, (count, *SHAPE), np.uint8)


@pytest.mark.parametrize("runner", ["onnxruntime", "tensorrt", "openvino", "python"])
def test_an_exported_network_is_the_card_with_its_arithmetic(card, tmp_path, runner):
    """The runtimes of the server's backends, here, give what the card's backend gives."""
    options = ["--runner", runner, "--instances", "2", "--max-batch", "3"]
    assert actionnet(["triton", "export", str(card), "-o", str(tmp_path / "repository"), *options]) == 0
    folder = tmp_path / "repository" / "small"
    (network,) = prepared_networks(find_model(str(card)))
    backend, clips = load_backend(network, BackendSettings("openvino", "f32")), windows(3)
    if runner in ("onnxruntime", "tensorrt"):
        (answers,) = onnxruntime.InferenceSession(folder / "1" / "model.onnx").run(["output"], {"frames": clips})
    else:
        compiled = openvino.compile_model(folder / "1" / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        answers = compiled({"frames": clips})["output"]
    np.testing.assert_allclose(answers, backend.infer(list(clips)), atol=1e-5)
    files = {"onnxruntime": {"model.onnx"}, "tensorrt": {"model.onnx"}, "openvino": {"model.xml", "model.bin"}}
    assert {path.name for path in (folder / "1").iterdir()} == files.get(
        runner, {*files["openvino"], "model.py", "triton_tensor.py"}
    )
    config = config_of(folder)
    assert config.HasField("dynamic_batching")
    assert not config.dynamic_batching.HasField("default_queue_policy")  # windows would wait for no reason
    assert config.backend == {"tensorrt": "onnxruntime"}.get(runner, runner)
    assert config.max_batch_size == 3
    assert [(one.name, one.data_type, tuple(one.dims)) for one in config.input] == [
        ("frames", DataType.TYPE_UINT8, SHAPE)
    ]
    assert [(one.name, one.data_type, tuple(one.dims)) for one in config.output] == [
        ("output", DataType.TYPE_FP32, (5,))
    ]
    assert [(group.count, group.kind) for group in config.instance_group] == [
        (2, ModelInstanceGroup.KIND_AUTO if "model.onnx" in files.get(runner, ()) else ModelInstanceGroup.KIND_CPU)
    ]
    accelerators = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert [one.name for one in accelerators] == (["tensorrt"] if runner == "tensorrt" else [])
    given = {key: value.string_value for key, value in config.parameters.items()}
    assert given == {**parameters(network), **({"precision": "auto"} if runner == "python" else {})}
    assert given["labels"].split("\n") == ["a", 'b "quoted"', "c\\", "höher", "e"]


def test_all_networks_of_cards_are_exported(tmp_path, capsys):
    card, *_ = encoder_decoder(tmp_path)
    pose, repository = one_person(tmp_path), tmp_path / "repository"
    assert actionnet(["triton", "export", str(card), str(pose), "-o", str(repository)]) == 0
    found = sorted(path.name for path in repository.iterdir())
    assert [name.rpartition("-")[2] for name in found if "-" in name] == ["decoder", "encoder"]
    assert len(found) == 3
    said = "".join(capsys.readouterr().out.split())
    assert all(str(repository / name) in said for name in found)


def test_a_network_that_takes_one_input_only_is_not_batched(tmp_path):
    linear_network(tmp_path / "small.onnx", SHAPE, batch=1)
    card = write_card(tmp_path)
    assert actionnet(["triton", "export", str(card), "-o", str(tmp_path / "repository"), "--runner", "python"]) == 0
    assert config_of(tmp_path / "repository" / "small").max_batch_size == 1


def test_what_cannot_be_exported_is_one_sentence(card, tmp_path, capsys):
    pose = one_person(tmp_path)
    for given, said in (
        ([str(pose), "--frames", "4"], "is a pose card, which takes single images; leave out --frames"),
        ([str(tmp_path / "nowhere")], "nowhere"),
    ):
        assert actionnet(["triton", "export", *given, "-o", str(tmp_path / "repository")]) == 1
        assert said in capsys.readouterr().err.replace("\n", " ")
    (tmp_path / "file").touch()
    assert actionnet(["triton", "export", str(card), "-o", str(tmp_path / "file")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_without_the_wheel_up_says_what_to_install(card, monkeypatch, capsys):
    monkeypatch.setattr(wheel.importlib.util, "find_spec", lambda name: None)
    assert actionnet(["triton", "up", str(card)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(
        r"Triton's server is not installed for .*; run: pip install --no-deps nvidia-pytriton==0.7.0", said
    )


def test_without_tritons_client_it_is_said(card, tmp_path):
    """In a process of its own, in which nothing has imported it yet."""
    code = (
        "import sys; sys.modules['tritonclient'] = None\n"
        "from har_ros.commands.main import main; raise SystemExit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "triton", "export", str(card), "-o", str(tmp_path / "repository")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "run: pip install tritonclient[grpc]" in " ".join(ended.stderr.split())

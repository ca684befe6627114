"""Fine-tuning with PyTorch, on a CPU and small networks."""

import importlib.util
import json

import numpy as np
import onnx
import onnxruntime
import pytest
from clips import COLOURS, moving, teachable, write_dataset, write_video
from streamable_networks import ARCHITECTURES

from har_ros.backends import BackendSettings
from har_ros.cli import main as actionnet
from har_ros.errors import ModelError
from har_ros.pixels import CameraImage
from har_ros.recognizer import Recognizer

pytestmark = pytest.mark.finetune
if importlib.util.find_spec("torch") and importlib.util.find_spec("lightning"):
    import torch

    from har_ros.card import load_card
    from har_ros.models.locate import find_model
    from har_ros.teach import finetune, training
    from har_ros.teach.graph import cut_before_the_end, embedding_network
    from har_ros.teach.torch_graph import OnnxModule

CPU = BackendSettings("openvino", "f32")


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return teachable(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset") / "set", groups=3)


@pytest.fixture
def run(card, dataset, tmp_path, module_cache):
    def run(*options, status=0, output="tuned", dataset=dataset):
        given = ["--model", str(card), "--backend", "openvino", "--precision", "f32", "--accelerator", "cpu"]
        given += ["--workers", "0", "--batch-size", "4", "--rate", "0.01", "--frozen", "0"]
        assert actionnet(["finetune", str(dataset), "-o", str(tmp_path / output), *given, *options]) == status
        return tmp_path / output

    return run


@pytest.mark.parametrize("name", ["r3d_18", "mc3_18", "r2plus1d_18", "s3d", "resnet-34"])
def test_torch_computes_what_onnx_runtime_does(name):
    model = cut(ARCHITECTURES[name]())
    clips = np.random.default_rng(0).normal(size=(2, 3, 16, 16, 16)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"clips": clips})[0]
    found = OnnxModule(model)(torch.from_numpy(clips)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def cut(model):
    """Return the network without its last layer."""
    pools = [node for node in model.graph.node if node.op_type in ("GlobalAveragePool", "AveragePool")]
    return cut_before_the_end(model, pools[-1].output[0])


def test_torch_computes_i3d_and_scales_frames_as_the_card_says(module_cache):
    network = embedding_network(find_model("i3d-kinetics-400"), 16)
    frames = np.random.default_rng(0).integers(0, 256, (1, 16, 224, 224, 3), np.uint8)
    clips = (frames.astype(np.float32) / 127.5 - 1).transpose(0, 4, 1, 2, 3)
    expected = onnxruntime.InferenceSession(network.path).run(None, {"clips": clips})[0]
    module = OnnxModule(onnx.load(network.path))
    with torch.no_grad():
        found = module(training.scaled(torch.from_numpy(frames), network.spec)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_operators_that_cannot_be_trained_are_refused():
    model = ARCHITECTURES["r3d_18"]()
    model.graph.node[2].op_type = "Einsum"
    with pytest.raises(ModelError, match=r"Einsum.*actionnet teach"):
        OnnxModule(model)
    same = cut(ARCHITECTURES["i3d"]())
    with pytest.raises(ModelError, match="auto_pad"):
        OnnxModule(same)(torch.zeros(1, 3, 16, 16, 16))


def test_frozen_layers_stay_and_the_others_learn(card):
    module = OnnxModule(onnx.load(card.with_name("small.onnx")))
    assert module.freeze(0.5) == 1
    before = {key: value.detach().clone() for key, value in module.weights.items()}
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
    module(torch.ones(1, 3, 8, 16, 16)).square().sum().backward()
    optimizer.step()
    changed = [not torch.equal(before[key], value) for key, value in module.weights.items()]
    assert sorted(changed) == [False, True]


def test_the_loss_falls_and_the_network_runs_in_the_recognizer(run, tmp_path, dataset):
    folder = run("--epochs", "6", "--label-smoothing", "0")
    measured = json.loads((folder / "metrics.json").read_text())
    losses = measured["losses"]
    assert len(losses) == 6 * 3  # 12 of 18 clips are taught with, four at a time
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])
    assert measured["validation"] == "1 of 3 folds held out"
    with Recognizer.open(str(folder), CPU) as recognizer:
        for label, colour in COLOURS.items():
            stream = recognizer.stream()
            for number, pixels in enumerate(moving(colour, frames=8, seed=99)):
                stream.push(CameraImage.of_array(pixels, 1 + number * 125_000_000))
            [result] = recognizer.recognize([stream])
            assert result.prediction.hypotheses[0].label == label
    assert list((tmp_path / "tuned.training/fold1/logs").glob("events*"))
    assert (folder / "report.html").read_text().count("<svg") == 2


def test_a_resumed_training_comes_to_the_same_numbers(run, tmp_path, monkeypatch):
    whole = run("--epochs", "4", output="whole")

    class Interrupted(training.Finetuning):
        def on_train_epoch_start(self):
            if self.current_epoch == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finetune, "Finetuning", Interrupted)
        run("--epochs", "4", output="resumed", status=130)
    assert not (tmp_path / "resumed").exists()
    resumed = run("--epochs", "4", output="resumed")
    one, two = (json.loads((folder / "metrics.json").read_text()) for folder in (whole, resumed))
    assert one["losses"] == two["losses"]
    assert (whole / "network.onnx").read_bytes() == (resumed / "network.onnx").read_bytes()


def test_another_training_is_not_gone_on_with(run, tmp_path, capfd):
    run("--epochs", "1")
    run("--epochs", "2", "--overwrite", status=1)
    assert "tuned.training has the training of other settings" in capfd.readouterr().err


def test_every_fold_is_trained_where_that_is_wanted(run):
    folder = run("--epochs", "3", "--cross-validate")
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["validation"] == "3-fold cross-validation"
    assert sum(map(sum, measured["figures"]["confusion"])) == 18
    assert len((folder / "clips.csv").read_text().splitlines()) == 19


def test_gradients_are_accumulated(run):
    measured = json.loads((run("--epochs", "1", "--accumulate", "3") / "metrics.json").read_text())
    assert len(measured["losses"]) == 3


def test_an_export_that_differs_is_refused(run, monkeypatch, capfd):
    write = OnnxModule.write_to

    def wrong(self, model):
        write(self, model)
        constant = model.graph.initializer[0]
        zeros = np.zeros(tuple(constant.dims), np.float32)
        constant.CopyFrom(onnx.numpy_helper.from_array(zeros, constant.name))

    monkeypatch.setattr(OnnxModule, "write_to", wrong)
    folder = run("--epochs", "1", status=1)
    assert "differ from PyTorch's" in capfd.readouterr().err
    assert not folder.exists()


def test_what_cannot_be_tuned_is_refused(run, tmp_path, dataset, capfd):
    run("--unmirrored", "green", status=1)
    assert "no class 'green'" in capfd.readouterr().err
    write_video(tmp_path / "v.avi", moving())
    (tmp_path / "s.csv").write_text("video,start,end,label\nv.avi,0,1,a\n")
    run(status=1, dataset=tmp_path / "s.csv")
    assert "actionnet clips" in capfd.readouterr().err


def test_classes_in_which_sides_matter_are_never_mirrored(tmp_path, card):
    path = write_video(tmp_path / "a.avi", moving(frames=12, seed=1))
    loaded = load_card(card)
    source = training.ClipSource([path, path], [0, 1], loaded, 8, frozenset([1]))
    clips = training.RandomClips(source)
    left = {number: set() for number in (0, 1)}
    plain = training.FixedClips(source)[0][0].numpy().astype(int)
    for number in (0, 1):
        for epoch in range(30):
            frames, label = clips[epoch, number]
            assert label == number
            errors = [np.abs(frames[0].numpy()[:, ::s].astype(int) - plain[0]).mean() for s in (1, -1)]
            left[number].add(int(np.argmin(errors)))
    assert left == {0: {0, 1}, 1: {0}}


def test_clips_are_the_same_for_the_same_epoch_and_others_for_another(tmp_path, card):
    path = write_video(tmp_path / "a.avi", moving(frames=30, seed=1))
    clips = training.RandomClips(training.ClipSource([path], [0], load_card(card), 8))
    assert torch.equal(clips[3, 0][0], clips[3, 0][0])
    assert any(not torch.equal(clips[3, 0][0], clips[epoch, 0][0]) for epoch in range(4, 9))


def test_the_order_is_the_epochs():
    sampler = training.EpochSampler(10)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(number for _, number in second) == list(range(10))
    assert {epoch for epoch, _ in second} == {1}
    assert [number for _, number in first] != [number for _, number in second]
    sampler.set_epoch(0)
    assert list(sampler) == first

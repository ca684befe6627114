"""Fine-tuning with PyTorch, on a CPU and small networks."""

import csv
import importlib.util
import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from clips import COLOURS, first_answer, moving, write_dataset, write_video
from sklearn.utils.class_weight import compute_class_weight

from har_ros.backends.backend import BackendSettings
from har_ros.commands.main import main as actionnet
from har_ros.pipeline.recognizer import Recognizer

pytestmark = pytest.mark.finetune
if importlib.util.find_spec("torch") and importlib.util.find_spec("lightning"):
    import torch

    from har_ros.finetune import finetune, training
    from har_ros.finetune.torch_graph import OnnxModule

CPU = BackendSettings("openvino", "f32")
GREEN = (60, 230, 60)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset") / "set", groups=3)


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    """Clips of two actions, and of nothing else."""
    colours = {label: COLOURS[label] for label in ("red", "blue")}
    return write_dataset(tmp_path_factory.mktemp("two") / "set", colours, groups=4)


@pytest.fixture
def run(teachable_card, dataset, tmp_path, module_cache):
    def run(*options, status=0, output="tuned", dataset=dataset):
        given = ["--model", str(teachable_card), "--backend", "openvino", "--precision", "f32", "--accelerator", "cpu"]
        given += ["--workers", "0", "--batch-size", "4", "--rate", "0.01", "--frozen", "0"]
        assert actionnet(["finetune", str(dataset), "-o", str(tmp_path / output), *given, *options]) == status
        return tmp_path / output

    return run


def test_frozen_layers_stay_and_the_others_learn(teachable_card):
    module = OnnxModule(onnx.load(teachable_card.with_name("small.onnx")))
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
        assert [first_answer(recognizer, colour) for colour in COLOURS.values()] == list(COLOURS)
    assert list((tmp_path / "tuned.training/fold1/logs").glob("events*"))
    report = (folder / "report.html").read_text()
    assert report.count("<svg") == 2
    assert "taught with 18 clips" in report
    assert "there are no intervals" in report  # one group is held out
    assert measured["figures"]["accuracy"]["low"] is None


def test_a_resumed_training_comes_to_the_same_numbers(run, interrupted, monkeypatch):
    whole = run("--epochs", "4", output="whole")
    epochs = []

    class Watched(training.Finetuning):
        def on_train_epoch_start(self):
            epochs.append(self.current_epoch)

    monkeypatch.setattr(finetune, "Finetuning", Watched)
    resumed = run("--epochs", "4", output="resumed")
    assert epochs == [2, 3]
    one, two = (json.loads((folder / "metrics.json").read_text()) for folder in (whole, resumed))
    assert one["losses"] == two["losses"]
    assert (whole / "network.onnx").read_bytes() == (resumed / "network.onnx").read_bytes()


THREADS = """
import sys, cv2, numpy as np
from har_ros.commands.main import main
cv2.setNumThreads(6)  # as on a machine of six cores
for _ in range(20):
    cv2.GaussianBlur(np.zeros((1080, 1920, 3), np.uint8), (9, 9), 2)
raise SystemExit(main(sys.argv[1:]))
"""


def test_workers_read_clips_though_opencv_has_threads(teachable_card, dataset, tmp_path):
    given = ["--model", str(teachable_card), "--backend", "openvino", "--accelerator", "cpu"]
    given += ["--workers", "1", "--batch-size", "4", "--epochs", "1", "-o", str(tmp_path / "tuned")]
    subprocess.run([sys.executable, "-c", THREADS, "finetune", str(dataset), *given], check=True, timeout=200)


def test_another_training_is_not_gone_on_with(run, tmp_path, capfd):
    run("--epochs", "1")
    run("--epochs", "2", "--overwrite", status=1)
    assert "tuned.training has the training of other settings" in capfd.readouterr().err
    run("--epochs", "1", "--overwrite", "--cross-validate", status=1)  # whose folds are others
    assert "tuned.training has the training of other settings" in capfd.readouterr().err


def test_every_fold_is_trained_where_that_is_wanted(run):
    folder = run("--epochs", "3", "--cross-validate")
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["validation"] == "3-fold cross-validation"
    assert sum(map(sum, measured["figures"]["confusion"])) == 18
    assert len((folder / "clips.csv").read_text().splitlines()) == 19


def test_what_is_unlike_the_clips_is_none_also_where_nothing_was_taught_as_none(run, two_classes, tmp_path):
    folder = run("--epochs", "6", dataset=two_classes)
    assert (folder / "labels.txt").read_text().split() == ["blue", "red", "none"]
    with Recognizer.open(str(folder), CPU) as recognizer:
        colours = {"blue": COLOURS["blue"], "red": COLOURS["red"], "none": GREEN}
        assert [first_answer(recognizer, colour) for colour in colours.values()] == list(colours)
    assert "farther from all taught windows" in (folder / "report.html").read_text()


def test_evaluate_says_how_far_a_site_is_from_the_clips(run, two_classes, tmp_path):
    folder = run("--epochs", "6", dataset=two_classes)

    def unlike(colour):
        site = tmp_path / f"site{colour[1]}"
        paths = [write_video(site / f"{n}.avi", moving(colour, frames=24, seed=300 + n)) for n in range(3)]
        truth = site / "truth.csv"
        truth.write_text("bag,start,end,label\n" + "".join(f"{path.name},0,3,red\n" for path in paths))
        given = ["-p", f"model:={folder}", "-p", "backend:=openvino", "-p", "precision:=f32", "--truth", str(truth)]
        assert actionnet(["evaluate", *map(str, paths), "-o", str(site / "results"), *given]) == 0
        return json.loads((site / "results/metrics.json").read_text())["likeness"]["unlike_actions"]["value"]

    assert unlike(GREEN) > 0.9
    assert unlike(COLOURS["red"]) < 0.2


def test_what_is_rejected_when_it_is_held_out_is_part_of_the_figures(run, two_classes, tmp_path):
    odd = tmp_path / "odd"
    shutil.copytree(two_classes, odd)
    write_video(odd / "red/g0/green.avi", moving(GREEN, seed=7))
    folder = run("--epochs", "6", "--cross-validate", dataset=odd)
    rows = {row["clip"]: row for row in csv.DictReader((folder / "clips.csv").open())}
    assert rows["red/g0/green.avi"]["said"] == "none"
    assert np.mean([row["said"] == row["label"] for row in rows.values()]) > 0.7


def test_all_classes_weigh_the_same(run, dataset, tmp_path, monkeypatch):
    folder = tmp_path / "few"
    shutil.copytree(dataset, folder)
    for group in range(3):
        (folder / f"red/g{group}/1.avi").unlink()
    seen = []

    class Watched(training.Finetuning):
        def on_train_start(self):
            seen.extend(self.class_weights.tolist())

    monkeypatch.setattr(finetune, "Finetuning", Watched)
    run("--epochs", "1", dataset=folder)
    classes = [0] * 4 + [1] * 2 + [2] * 4  # blue, red, none, without the fold that is held out
    assert seen == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=classes))


def test_gradients_are_accumulated(run, monkeypatch):
    steps = []

    class Watched(training.Finetuning):
        def on_train_end(self):
            steps.append(self.trainer.global_step)

    monkeypatch.setattr(finetune, "Finetuning", Watched)
    run("--epochs", "2", "--accumulate", "3")
    assert steps == [2]


def test_frozen_layers_are_written_as_they_were(run, teachable_card):
    folder = run("--epochs", "2", "--frozen", "1")
    before, after = (
        {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
        for path in (teachable_card.with_name("small.onnx"), folder / "network.onnx")
    )
    np.testing.assert_array_equal(before["first"], after["first"])
    tuned = run("--epochs", "2", "--frozen", "0", output="other")
    other = {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(tuned / "network.onnx").graph.initializer}
    assert np.abs(other["first"] - before["first"]).max() > 1e-4


def test_an_export_that_differs_is_refused(run, monkeypatch, capfd):
    right = OnnxModule.to_onnx

    def wrong(self):
        model = right(self)
        constant = model.graph.initializer[0]
        zeros = np.zeros(tuple(constant.dims), np.float32)
        constant.CopyFrom(onnx.numpy_helper.from_array(zeros, constant.name))
        return model

    monkeypatch.setattr(OnnxModule, "to_onnx", wrong)
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

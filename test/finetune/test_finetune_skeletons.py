"""Fine-tuning with skeletons, of people who are found without any pose network."""

import importlib.util
import json
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
from clips import write_video
from waving import RATE, SIZE, frames_of, moving

from har_ros.backends.backend import BackendSettings
from har_ros.commands.main import main as actionnet
from har_ros.frames.sampling import StreamSettings
from har_ros.learning import embed_people
from har_ros.learning.people import People
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings

pytestmark = pytest.mark.finetune
if importlib.util.find_spec("torch") and importlib.util.find_spec("lightning"):
    import torch

    from har_ros.finetune import finetune, training
    from har_ros.finetune.skeleton_windows import laid_out
    from har_ros.learning.embed import embedding_network

F32 = BackendSettings("openvino", "f32")
NOBODY = "nobody"


class Finder:
    """In place of har_ros.learning.people.PeopleFinder: a clip's folder and name say who is in it."""

    computed = 0

    def __init__(self, *_):
        self.kept = {}

    def look_at(self, path):
        keypoints = moving(path.parent.parent.name, sum(map(ord, f"{path.parent.name}{path.name}")))
        if NOBODY in path.name:
            keypoints = keypoints[:0]
        frames, dice = frames_of(keypoints), np.random.default_rng(abs(hash(path)) % 2**32)
        return [
            People(
                "camera",
                np.array([frame.stamp for frame in frames] or [0], np.int64),
                np.array([SIZE] * max(1, len(frames)), np.int64),
                dice.integers(0, 255, (max(1, len(frames)), 16, 16), np.uint8),
                np.arange(len(frames)),
                np.zeros(len(frames), np.int64),
                keypoints,
            )
        ]

    def close(self):
        pass


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset") / "set"
    for label in ("left", "right", "squat"):
        for group in range(3):
            for clip in range(2):
                write_image(folder / label / f"g{group}" / f"{clip}.avi")
    return folder


def write_image(path):
    """Write a video that is like no other, and in which nobody looks."""
    dice = np.random.default_rng(sum(map(ord, str(path))))
    write_video(path, dice.integers(0, 256, (1, 16, 16, 3), np.uint8), RATE)


@pytest.fixture
def run(dataset, tmp_path, monkeypatch, module_cache):
    monkeypatch.setattr(embed_people, "PeopleFinder", Finder)

    def run(*options, status=0, output="tuned", dataset=dataset, what=("--skeletons",)):
        given = ["--backend", "openvino", "--precision", "f32", "--accelerator", "cpu", "--no-mirror"]
        assert actionnet(["finetune", str(dataset), *what, "-o", str(tmp_path / output), *given, *options]) == status
        return tmp_path / output

    return run


def said(recognizer, keypoints):
    stream = recognizer.stream(StreamSettings())
    for frame in frames_of(keypoints):
        stream.push(frame)
    [result] = recognizer.recognize([stream], ScoreSettings(top_k=4, threshold=0.0))
    return {one.label: one.score for one in result.prediction.hypotheses}


@pytest.mark.parametrize(
    ("what", "options"),
    [
        (["--skeletons"], ["--rate", "0.001"]),
        (["--architecture", "dd-net"], ["--rate", "0.01", "--epochs", "48"]),
        (["--architecture", "st-gcn"], ["--rate", "0.01"]),
        (["--architecture", "lstm"], ["--rate", "0.03"]),
    ],
)
def test_it_learns_actions_and_runs_where_other_networks_of_skeletons_do(run, what, options):
    folder = run("--epochs", "16", "--batch-size", "4", *options, what=what)
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["losses"][-1] < measured["losses"][0]
    assert measured["validation"] == "1 of 3 folds held out"
    assert measured["settings"]["person"] == "moving"
    assert measured["backend"].startswith("OpenVINO")
    assert measured["settings"]["architecture"] == (what[1] if what[1:] else "")
    assert (folder / "report.html").read_text().count("<svg") == 2
    with Recognizer.open(str(folder), F32, skeletons=True) as recognizer:
        assert recognizer.card.kind == "sequence"
        for number, label in enumerate(("left", "right", "squat")):
            scores = said(recognizer, moving(label, 1000 + number))
            scores.pop("none")  # which one in seven may be, where six clips were held out
            assert max(scores, key=scores.get) == label
    assert actionnet(["models", "check", str(folder)]) == 0


def test_who_moves_like_nobody_in_the_clips_does_nothing_that_was_taught(run):
    folder = run("--epochs", "16", "--batch-size", "4", "--rate", "0.001", "--cross-validate")
    people = [moving(label, seed) for label in ("left", "right", "squat") for seed in range(1000, 1005)]
    with Recognizer.open(str(folder), F32, skeletons=True) as recognizer:
        like, unlike = (
            [said(recognizer, keypoints)["none"] > 0.5 for keypoints in group]
            for group in (people, [lying(keypoints) for keypoints in people])
        )
    assert np.mean(like) < 0.3
    assert np.mean(unlike) > 0.8


def lying(keypoints):
    """Turn a person by a right angle."""
    turned, middle = keypoints.copy(), keypoints[:, :, :2].mean(axis=(0, 1))
    turned[:, :, :2] = (keypoints[:, :, 1::-1] - middle[::-1]) * (1, -1) + middle
    return turned


@pytest.mark.rtx
@pytest.mark.parametrize("name", ["lstm", "dd-net", "st-gcn"])
def test_tensorrt_builds_an_engine(run, name):
    from har_ros.backends.tensorrt import engine

    folder = run("--epochs", "1", what=["--architecture", name])
    [network] = prepared_networks(find_model(str(folder)))
    file = engine.engine_file(network, engine.Gpu("NVIDIA L4", (8, 9)), half=True, max_batch=4)
    assert file.read_bytes()[:4] == b"vtrt"  # with which TensorRT's engines begin


def test_all_of_the_network_is_trained_but_not_its_features(run):
    folder = run("--epochs", "1")
    before = embedding_network(find_model("everyday-14")).path
    one, other = (
        {constant.name: onnx.numpy_helper.to_array(constant) for constant in onnx.load(path).graph.initializer}
        for path in (before, folder / "network.onnx")
    )
    changed = {name for name in one if not np.array_equal(one[name], other[name])}
    layers = {f"{part}.{kind}" for part in ("stems.0", "stems.1", "stems.2") for kind in ("weight", "bias")}
    layers |= {f"layers.{number}.{kind}" for number in range(5) for kind in ("weight", "bias")}
    assert changed == layers


def test_the_exported_network_says_what_pytorchs_does(run, monkeypatch):
    seen = []

    class Watched(training.Finetuning):
        def on_train_end(self):
            seen.append(self.network)

    monkeypatch.setattr(finetune, "Finetuning", Watched)
    windows = torch.rand(5, 32, 14, 3)
    for name in ("dd-net", "st-gcn"):
        folder = run("--epochs", "2", "--rate", "0.01", what=["--architecture", name], output=name)
        temperature = json.loads((folder / "metrics.json").read_text())["temperature"]
        network = seen[-1].eval()
        given = laid_out(windows, network.backbone.spec).contiguous().numpy()
        session = onnxruntime.InferenceSession(folder / "network.onnx")
        with torch.no_grad():
            expected = network(windows).numpy() / temperature
        [logits] = session.run(None, {"skeletons": given})
        np.testing.assert_allclose(logits[:, :-1], expected, atol=1e-4)  # the last is none


def test_a_resumed_training_comes_to_the_same_numbers(run, interrupted):
    whole = run("--epochs", "4", output="whole")
    resumed = run("--epochs", "4", output="resumed")
    one, two = (json.loads((folder / "metrics.json").read_text())["losses"] for folder in (whole, resumed))
    assert one == two


def test_a_network_that_was_trained_is_trained_further(run):
    first = run("--epochs", "2", what=["--architecture", "st-gcn"])
    run("--epochs", "1", what=["--model", str(first)], output="second")
    first = run("--epochs", "2", what=["--architecture", "dd-net"], output="third")
    run("--epochs", "1", what=["--model", str(first)], output="fourth")


def test_what_cannot_be_tuned_is_refused(run, teachable_card, dataset, tmp_path, capfd):
    def refused(sentence, *what):
        run(what=what, status=1)
        assert sentence in " ".join(capfd.readouterr().err.split())

    refused(f"{teachable_card} takes images; leave out --skeletons", "--skeletons", "--model", str(teachable_card))
    refused(
        "small takes whole images, in which nobody is looked for", "--model", str(teachable_card), "--person", "all"
    )
    refused(
        "--architecture lstm is trained from the beginning, not on top of everyday-14; leave out one of the two",
        *("--architecture", "lstm", "--model", "everyday-14"),
    )
    refused("an --architecture is untrained; leave out one", "--architecture", "lstm", "--frozen", "0.5")
    refused("lstm cannot take 16 frames", "--architecture", "lstm", "--frames", "16")


def test_clips_without_people_are_left_out(run, dataset, tmp_path, capfd):
    more = tmp_path / "more"
    shutil.copytree(dataset, more)
    write_image(more / "left" / "g0" / f"{NOBODY}.avi")
    folder = run("--epochs", "1", dataset=more)
    assert f"nobody is seen long enough in {more}/left/g0/{NOBODY}.avi" in " ".join(capfd.readouterr().err.split())
    assert json.loads((folder / "metrics.json").read_text())["clips"] == 18

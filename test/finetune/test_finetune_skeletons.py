"""Fine-tuning with skeletons, of people who are found without any pose network."""

import importlib.util
import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from clips import write_video

from har_ros.backends.backend import BackendSettings
from har_ros.commands.main import main as actionnet
from har_ros.errors import ModelError
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.skeletons import NAMES, SkeletonFrame, arranged, mirrored
from har_ros.frames.spec import SkeletonSpec
from har_ros.frames.window import Clip
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
    from har_ros.finetune.architecture import shape_of
    from har_ros.finetune.architectures import ARCHITECTURES, card_of
    from har_ros.finetune.augment_skeletons import SkeletonAugmentation, SkeletonAugmenter
    from har_ros.finetune.graph_network import partitions
    from har_ros.finetune.skeleton_windows import RandomWindows, WindowSource, laid_out, plain, varied
    from har_ros.finetune.torch_graph import OnnxModule
    from har_ros.learning.embed import embedding_network

F32 = BackendSettings("openvino", "f32")
RATE, FRAMES = 25.0, 40
SIZE = (480, 640)
NOBODY = "nobody"
STANDING = {
    **{"nose": (0, -95), "left_eye": (4, -98), "right_eye": (-4, -98), "left_ear": (8, -96), "right_ear": (-8, -96)},
    **{"left_shoulder": (20, -75), "right_shoulder": (-20, -75), "left_elbow": (25, -50), "right_elbow": (-25, -50)},
    **{"left_wrist": (27, -25), "right_wrist": (-27, -25), "left_hip": (12, -20), "right_hip": (-12, -20)},
    **{"left_knee": (12, 20), "right_knee": (-12, 20), "left_ankle": (12, 60), "right_ankle": (-12, 60)},
}


def moving(label, seed):
    """Somebody who waves the left or right arm, or who bends the knees, in a place and of a size of their own."""
    dice = np.random.default_rng(seed)
    keypoints = np.zeros((FRAMES, 17, 3), np.float32)
    keypoints[:, :, :2] = [STANDING[name] for name in NAMES]
    phase = np.sin(np.arange(FRAMES) * dice.uniform(0.5, 0.7) + dice.uniform(0, 6))
    if label == "squat":
        upper = [NAMES.index(name) for name in NAMES if "knee" not in name and "ankle" not in name]
        keypoints[:, upper, 1] += 15 + 15 * phase[:, None]
    else:
        wrist, elbow = NAMES.index(f"{label}_wrist"), NAMES.index(f"{label}_elbow")
        keypoints[:, elbow, 1] = -80
        keypoints[:, wrist, 1] = -105
        keypoints[:, wrist, 0] += 15 * phase
    keypoints[:, :, :2] *= dice.uniform(0.8, 1.5)
    keypoints[:, :, :2] += (dice.uniform(200, 400), 250)
    keypoints[:, :, :2] += dice.normal(0, 0.5, keypoints[:, :, :2].shape)
    keypoints[:, :, 2] = 0.9
    return keypoints


def frames_of(keypoints):
    return [
        SkeletonFrame(one, SIZE, round((1 + number / RATE) * 1e9), "camera") for number, one in enumerate(keypoints)
    ]


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
    [result] = recognizer.recognize([stream], ScoreSettings(top_k=3, threshold=0.0))
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
            assert max(scores, key=scores.get) == label
    assert actionnet(["models", "check", str(folder)]) == 0


@pytest.mark.parametrize("name", ["lstm", "dd-net", "st-gcn"])
def test_tensorrt_builds_an_engine(run, name):
    engine = pytest.importorskip(
        "har_ros.backends.tensorrt.engine", reason="TensorRT is not installed", exc_type=ModelError
    )
    if not engine.IS_RTX:
        pytest.skip("only TensorRT for RTX builds for a GPU that is not there")
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
        np.testing.assert_allclose(session.run(None, {"skeletons": given})[0], expected, atol=1e-4)


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


@pytest.mark.parametrize("layout", ["NTVC", "NTD", "NCTV", "NMTVC", "NCTVM"])
@pytest.mark.parametrize("confidence", [True, False])
@pytest.mark.parametrize("missing", ["interpolated", "zero"])
def test_windows_are_laid_out_as_in_the_node(layout, confidence, missing):
    spec = SkeletonSpec(layout, ("head", "left_wrist", "right_wrist"), 2, confidence, "image", missing=missing)
    keypoints = moving("left", 1)[:8]
    keypoints[3:5, NAMES.index("left_wrist"), 2] = 0
    clip = clip_of(keypoints)
    expected = arranged(clip, spec, None)
    found = laid_out(torch.from_numpy(arranged(clip, plain(spec), None)), spec).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def clip_of(keypoints):
    slots = np.zeros((len(keypoints), 18, 3), np.float32)
    slots[:, :17], slots[:, 17] = keypoints, (640, 480, 0)
    return Clip(slots, tuple(range(len(keypoints))))


def windows_of(*clips, spec):
    return torch.cat([torch.from_numpy(arranged(clip, plain(spec), None)) for clip in clips])


def middle_of(window):
    return (window[:, :, 0].max() + window[:, :, 0].min()) / 2


@pytest.mark.parametrize("normalisation", ["box", "trunk", "image", "pixels"])
def test_an_augmentation_of_nothing_leaves_windows_and_mirrored_ones_as_they_are(normalisation):
    spec = SkeletonSpec("NTVC", normalisation=normalisation)
    clips = clip_of(moving("left", 3)), clip_of(moving("squat", 4))
    windows = windows_of(*clips, spec=spec)
    nothing = SkeletonAugmentation(*[0.0] * 10)
    augmenter = SkeletonAugmenter(NAMES, FRAMES, FRAMES - 1, 0, nothing)
    kept = varied(windows, spec, torch.tensor([False, False]), augmenter)
    np.testing.assert_allclose(kept.numpy(), windows.numpy(), rtol=1e-4, atol=1e-4)
    other = windows_of(replace(clips[0], frames=mirrored(clips[0].frames)), spec=spec)[0].numpy()
    found = [varied(windows, spec, torch.tensor([True, True]), augmenter)[0].numpy() for _ in range(20)]
    if normalisation in ("image", "pixels"):  # mirrored where the person is, not where the image's middle is
        other[:, :, 0] += (np.ptp(other[:, :, 0]) / 2 - other[:, :, 0].max()) + middle_of(windows[0].numpy())
    flips = [np.allclose(one, other, rtol=1e-3, atol=2e-3) for one in found]
    stays = [np.allclose(one, windows[0].numpy(), rtol=1e-4, atol=1e-4) for one in found]
    assert any(flips)
    assert any(stays)
    assert all(flip != stay for flip, stay in zip(flips, stays, strict=True))


def test_drawn_windows_are_the_epochs_and_lost_joints_are_zero():
    spec = SkeletonSpec("NTVC", normalisation="box", confidence=True)
    windows = windows_of(clip_of(moving("left", 3)), clip_of(moving("right", 4)), spec=spec)
    windows[0, :, 5] = 0
    rows = [np.array([0]), np.array([1])]
    drawn = RandomWindows(WindowSource(windows, rows, [0, 1], [True, False], spec))
    keys = [(3, 1), (3, 0)]
    first, again, other = (drawn.__getitems__(one) for one in (keys, keys, [(4, 1), (4, 0)]))
    assert [label for _, label in first] == [1, 0]
    assert all(torch.equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    for epoch in range(20):
        window = drawn.__getitems__([(epoch, 0)])[0][0]
        there = window[..., 2].amax(dim=0) >= spec.least_confidence
        assert not there[5] or not there[6]  # lost, or mirrored to the other side
        assert not window[:, ~there].any()
        assert torch.isfinite(window).all()


def test_of_a_joints_neighbours_those_nearer_to_the_middle_are_one_part():
    parts = partitions(3, [(0, 1), (1, 2)])
    whole = parts.sum(dim=0)
    np.testing.assert_allclose(whole.sum(dim=0), np.ones(3))
    assert parts[1].nonzero().tolist() == [[0, 1], [1, 2]]
    assert parts[2].nonzero().tolist() == [[1, 0], [2, 1]]


@pytest.mark.parametrize("name", ["lstm", "dd-net", "st-gcn"])
def test_an_architecture_gives_the_embedding_that_its_card_promises(name):
    module, card = ARCHITECTURES[name](), card_of(name)
    assert sum(parameter.numel() for parameter in module.parameters()) < 1_000_000
    with torch.no_grad():
        assert module(torch.rand(3, *shape_of(card.input))).shape == (3, module.width)


def test_everyday_14_in_pytorch_says_what_onnx_runtime_does(module_cache):
    path = embedding_network(find_model("everyday-14")).path
    windows = np.random.default_rng(0).random((4, 32, 13, 3)).astype(np.float32)
    windows[0, :, 3] = 0
    expected = onnxruntime.InferenceSession(path).run(None, {"skeletons": windows})[0]
    np.testing.assert_allclose(OnnxModule(onnx.load(path))(torch.from_numpy(windows)).detach(), expected, atol=1e-4)

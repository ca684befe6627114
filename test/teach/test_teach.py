"""`actionnet teach` from end to end, with a small network and with I3D."""

import csv
import importlib.util
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from clips import COLOURS, first_answer, moving, write_video
from onnx import numpy_helper
from scipy.special import softmax

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.commands.main import main as actionnet
from har_ros.files.results_folder import read_json
from har_ros.frames.pixels import CameraImage
from har_ros.graphs.cut import taught_network
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.prepare import merged
from har_ros.learning import embed
from har_ros.learning import head as heads
from har_ros.learning.advice import advice
from har_ros.learning.dataset import Material, load_dataset
from har_ros.learning.embed import embedding_network
from har_ros.learning.samples import gather
from har_ros.learning.windows import windows as find_windows
from har_ros.models.card_file import load_card
from har_ros.models.locate import find_model
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.bag import open_recording

CPU = BackendSettings("openvino", "f32")


def test_the_folder_is_a_model_that_recognises_the_classes(teach, dataset):
    folder = teach()
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.yaml",
        "clips.csv",
        "labels.txt",
        "metrics.json",
        "network.onnx",
        "report.html",
    ]
    with Recognizer.open(str(folder), CPU) as recognizer:
        assert recognizer.labels == ("blue", "red", "none")
        assert [first_answer(recognizer, colour) for colour in COLOURS.values()] == list(COLOURS)
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["figures"]["accuracy"]["value"] > 0.9
    assert measured["clips"] == 24
    assert measured["groups"] == 4
    assert measured["validation"] == "4-fold cross-validation"


def test_clips_are_listed_with_what_was_said_without_them(teach):
    folder = teach()
    rows = list(csv.DictReader((folder / "clips.csv").open()))
    assert len(rows) == 24
    right = np.mean([row["label"] == row["said"] for row in rows])
    assert right == pytest.approx(read_json(folder / "metrics.json")["figures"]["accuracy"]["value"])
    for row in rows:
        probabilities = {label: float(row[label]) for label in ("blue", "red", "none")}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-3)
        assert row["said"] == max(probabilities, key=probabilities.get)


def test_the_network_is_the_fit_to_all_clips_divided_by_the_temperature(teach, teachable_card, dataset):
    folder = teach()
    settings = read_json(folder / "metrics.json")["settings"]
    materials = load_dataset(dataset).materials
    with embed.ImageEmbedder(find_model(str(teachable_card)), CPU) as embedder:
        samples = gather(materials, dict(embed.embed(embedder, [m.path for m in materials])), True)
    [fitted] = heads.fits(samples, np.arange(len(samples.examples)), [settings["regularisation (C)"]])
    assert settings["temperature"] != pytest.approx(1, abs=0.01)
    expected = fitted.cooled(settings["temperature"])
    constants = {one.name: numpy_helper.to_array(one) for one in load_onnx(folder / "network.onnx").graph.initializer}
    np.testing.assert_allclose(constants["taught/weights"], expected.weights, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(constants["taught/bias"], expected.bias, rtol=1e-3, atol=1e-3)


def test_the_report_shows_charts_and_mistakes(teach, dataset, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(dataset, mixed)
    shutil.move(mixed / "red/g0/0.avi", mixed / "blue/g0/wrong.avi")
    text = (teach(dataset=mixed) / "report.html").read_text()
    assert text.count("<svg") == 3
    assert re.search(r'<b class="bad">red</b> [\d.]+<br>truth: blue<br>\s*<span class="faint">blue/g0/wrong.avi', text)
    assert "data:image/jpeg;base64," in text
    assert not re.search(r"https?:", text.replace("http://www.w3.org", ""))
    assert "temperature" in text


def test_the_curves_end_where_the_summary_says_and_are_not_drawn_of_one_point(teach, dataset, tmp_path):
    few = tmp_path / "few"
    for path in dataset.glob("*/*/0.avi"):
        place = few / path.relative_to(dataset)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
    folder = teach(dataset=few)
    measured, text = read_json(folder / "metrics.json"), (folder / "report.html").read_text()
    ends = [measured[curve][-1]["accuracy"] for curve in ("learning_curve", "source_curve")]
    assert ends[0] == ends[1]
    assert f"taught with all clips, {ends[0]['value']:.3f} are recognised" in text
    assert f"{measured['accuracy_before_rejection']['value']:.3f} before rejection" in text
    assert text.count("<svg") == 2
    assert "Where the curve still rises, more clips help" not in text
    assert "no more than 3 of a class are taught at a time" in text


def test_it_is_streamed_where_its_base_can_be(teach):
    with Recognizer.open(str(teach()), CPU, continual=True) as recognizer:
        stream, answers = recognizer.stream(), []
        for number, pixels in enumerate(moving(COLOURS["red"], frames=40, seed=99)):
            if stream.push(CameraImage.of_array(pixels, 1 + number * 125_000_000)):
                answers += recognizer.recognize([stream])
        assert answers[-1].prediction.hypotheses[0].label == "red"


def test_it_can_be_taught_again(teach, dataset, tmp_path):
    first = teach()
    again = tmp_path / "again"
    given = ["--model", str(first), "--backend", "openvino", "--precision", "f32"]
    assert actionnet(["teach", str(dataset), "-o", str(again), *given]) == 0
    one, two = (json.loads((folder / "metrics.json").read_text())["figures"] for folder in (first, again))
    assert one["confusion"] == two["confusion"]


def test_the_same_dataset_gives_the_same_network(teach):
    first = {path.name: path.read_bytes() for path in teach().iterdir()}
    second = {path.name: path.read_bytes() for path in teach("--overwrite").iterdir()}
    assert first == second


@pytest.mark.parametrize("outputs", [2, 3])
def test_scikit_learn_openvino_and_onnx_runtime_agree(teachable_card, dataset, module_cache, tmp_path, outputs):
    """The same probabilities of the same frames to 1e-4, from embedding and pipeline, and from the one graph."""
    model = find_model(str(teachable_card))
    agree(model, sorted(dataset.rglob("*.avi")), outputs, tmp_path)


def test_they_agree_with_i3d(module_cache, tmp_path):
    demo = Path(importlib.util.find_spec("Pose2Sim").submodule_search_locations[0])
    videos = sorted((demo / "Demo_SinglePerson/videos").glob("cam0[12].mp4"))
    agree(find_model("i3d-kinetics-400"), videos, 2, tmp_path, frames=16)


def agree(model, videos, outputs, folder, frames=0):
    prepared = embedding_network(model, frames)
    with embed.ImageEmbedder(model, CPU, frames) as embedder:
        windows = {path: embedder.look_at(path) for path in videos}
    materials = [Material(f"{i}", path, f"g{i}", f"l{i % outputs}") for i, path in enumerate(videos * outputs * 2)]
    samples = gather(materials, {m.path: windows[m.path] for m in materials}, False)
    [head] = heads.fits(samples, np.arange(len(samples.examples)), [0.1])
    path = folder / "network.onnx"
    path.write_bytes(taught_network(load_onnx(prepared.path), *head.rounded()))
    network = replace(prepared, path=path, output_blob="taught_logits", output="logits")
    backend = load_backend(network, CPU)
    session = onnxruntime.InferenceSession(merged(network))
    for video in videos[:4]:
        recording = open_recording(video)
        _, cameras = find_windows(recording, model.card, prepared.shape[0], 10_000, lambda clip: clip.frames.copy())
        clips = [window.seen for window in cameras["/video"]]
        expected = softmax(head.logits(windows[video][0].embeddings[:1, 0]), axis=1)
        np.testing.assert_allclose(backend.infer(clips[:1]), expected, atol=1e-4)
        np.testing.assert_allclose(session.run(None, {"frames": clips[0][None]})[0], expected, atol=1e-4)
    backend.close()


def test_segments_of_a_recording_teach_too_and_the_evaluator_takes_the_same_file(teach, tmp_path, capsys):
    rows = ["video,start,end,label"]
    for number in range(4):
        parts = [
            moving(COLOURS[label], frames=32, seed=number * 10 + i) for i, label in enumerate(("none", "red", "blue"))
        ]
        write_video(tmp_path / f"v{number}.avi", np.concatenate(parts))
        rows += [f"v{number}.avi,4,8,Red one", f"v{number}.avi,8,12,blue"]
    truth = tmp_path / "segments.csv"
    truth.write_text("\n".join(rows) + "\n")
    (tmp_path / "map.yaml").write_text("Red one: red\n")
    folder = teach("--label-map", tmp_path / "map.yaml", dataset=truth)
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["labels"] == ["blue", "red", "none"]
    assert measured["settings"]["between"] is True
    assert measured["figures"]["accuracy"]["value"] > 0.9
    videos = [str(tmp_path / f"v{number}.avi") for number in range(4)]
    given = [
        "-p",
        f"model:={folder}",
        "-p",
        "backend:=openvino",
        "--truth",
        str(truth),
        "--label-map",
        str(tmp_path / "map.yaml"),
    ]
    assert actionnet(["evaluate", *videos, *given, "-o", str(tmp_path / "results")]) == 0
    assert read_json(tmp_path / "results/metrics.json")["overall"]["top1"]["value"] > 0.8  # some is rejected


def test_advice_names_what_is_missing():
    def row(label, groups, recall=0.5):
        return {"label": label, "clips": groups, "groups": groups, "recall": {"value": recall}}

    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    measured = {
        "background": {"windows": {}, "nothing": None},
        "gains": [{"label": "b", "cost_of_half": 0.1}, {"label": "a", "cost_of_half": 0.0}],
        "learning_curve": [
            {"clips_per_class": n, "accuracy": {**interval, "value": v}} for n, v in ((5, 0.5), (9, 0.6))
        ],
        "source_curve": [
            {"groups_per_class": n, "accuracy": {**interval, "value": v}} for n, v in ((2.0, 0.5), (4.5, 0.6))
        ],
        "figures": {"classes": [row("a", 7), row("b", 3), row("c", 5, recall=0.0), row("none", 0, np.nan)]},
    }
    texts = advice(measured)
    assert texts[1] == "More clips of b: taught with half of them, the mean F1 of the classes fell by 0.100."
    assert "from 2 to 4.5 groups per class on average" in texts[3]
    assert [text.split(":")[0].split(",")[0] for text in texts] == [
        "Other or more clips of c",
        "More clips of b",
        "More clips of all classes",
        "Clips of more sources or people",
        "Clips of other sources or people",
        "A class none with anything else",
    ]
    for background in ({"windows": {"world": 9}, "nothing": None}, {"windows": {}, "nothing": {"mined": 3}}):
        assert advice({**measured, "background": background}) == texts[:-1]


def test_the_card_is_that_of_its_base_but_for_the_classes(teach, teachable_card):
    base, found = load_card(teachable_card), load_card(teach() / "card.yaml")
    assert found.input == base.input
    assert found.window == base.window
    assert (found.name, found.labels, found.outputs) == ("taught", "labels.txt", "logits")


def test_a_test_set_is_measured_and_nothing_is_fitted_to_it(teach, dataset, tmp_path, capsys):
    tests = tmp_path / "tests"
    for number, (label, colour) in enumerate(COLOURS.items()):
        for clip in range(3):
            shown = COLOURS["red"] if (label, clip) == ("blue", 0) else colour
            write_video(tests / label / f"g{clip}" / "t.avi", moving(shown, seed=900 + 10 * number + clip))
    shutil.copy(dataset / "red/g0/0.avi", tests / "red/g0/copy.avi")
    alone = teach(output="alone")
    folder = teach("--test", tests)
    assert (folder / "network.onnx").read_bytes() == (alone / "network.onnx").read_bytes()
    assert (folder / "clips.csv").read_bytes() == (alone / "clips.csv").read_bytes()
    rows = list(csv.DictReader((folder / "test.csv").open()))
    assert {row["clip"] for row in rows if row["label"] != row["said"]} == {"blue/g0/t.avi"}
    measured = read_json(folder / "metrics.json")["test"]
    accuracy = measured["figures"]["accuracy"]
    assert accuracy["value"] == pytest.approx(9 / 10)
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert measured["log_loss"]["guessing"] == pytest.approx(np.log(3))
    told = "red/g0/copy.avi of the test set is a near-duplicate of red/g0/0.avi, which is taught; remove one of them"
    assert measured["duplicates"] == [told]
    assert told in (folder / "report.html").read_text()
    said, progress = capsys.readouterr()
    assert told in said
    assert "10 recordings, 0 of which in the cache" in progress
    assert f"test set: of 10 clips of {tests}, 0.900" in said


def test_a_test_set_that_does_not_fit_is_refused(teach, dataset, tmp_path, capsys):
    teach("--test", dataset, status=1)
    assert "blue/g0/0.avi is taught and in the test set" in capsys.readouterr().err
    for seed, label in enumerate(("red", "green")):
        write_video(tmp_path / "tests" / label / "g0/0.avi", moving(seed=900 + seed))
    teach("--test", tmp_path / "tests", status=1)
    said = capsys.readouterr().err
    assert "the test set has the class 'green', but taught are blue, red, none; rename or remove it" in said
    assert not (tmp_path / "taught").exists()

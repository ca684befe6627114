"""evaluate says how far a site is from what a taught network was taught."""

import json
from dataclasses import replace

import numpy as np
import pytest
from clips import COLOURS, moving, write_video
from onnx import numpy_helper
from scipy.spatial.distance import cdist

from har_ros.backends.backend import BackendSettings
from har_ros.commands.main import main as actionnet
from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.evaluate import job
from har_ros.evaluate.judge import Judged
from har_ros.evaluate.likeness_figures import ComparedWindows, likeness_figures
from har_ros.evaluate.networks import EvaluatedNetworks
from har_ros.evaluate.plan import Job, Plan
from har_ros.evaluate.track import row_type
from har_ros.graphs.onnx_file import load_onnx
from har_ros.learning.embed import ImageEmbedder
from har_ros.models.locate import find_model
from har_ros.pipeline.opening import open_recognizer
from har_ros.truth.segments import join
from har_ros.workers.workers import StoppedError

CPU = BackendSettings("openvino", "f32")


@pytest.fixture(scope="module")
def network(teachable_card, dataset, module_cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network") / "taught"
    options = ["--model", str(teachable_card), "--backend", "openvino", "--precision", "f32"]
    assert actionnet(["teach", str(dataset), "-o", str(folder), *options]) == 0
    return folder


@pytest.fixture(scope="module")
def evaluated(network, tmp_path_factory):
    """Evaluate three videos of 24 frames: red by their truth for two seconds, and then nothing of the classes."""

    def run(colour, *options):
        folder = tmp_path_factory.mktemp("site")
        paths = [folder / f"{number}.avi" for number in range(3)]
        for number, path in enumerate(paths):
            write_video(path, moving(colour, frames=24, seed=300 + number))
        truth = folder / "truth.csv"
        truth.write_text("bag,start,end,label\n" + "".join(f"{path.name},0,2,red\n" for path in paths))
        given = ["-p", f"model:={network}", "-p", "backend:=openvino", "-p", "precision:=f32", "--truth", str(truth)]
        assert actionnet(["evaluate", *map(str, paths), "-o", str(folder / "results"), *given, *options]) == 0
        return folder / "results"

    return run


@pytest.fixture(scope="module")
def elsewhere(evaluated):
    return evaluated((60, 230, 60))


def figures_of(folder):
    return json.loads((folder / "metrics.json").read_text())["likeness"]


def lines_of(folder):
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()[1:]]


def test_a_site_that_is_unlike_the_taught_clips_is_said_to_be(elsewhere):
    likeness = figures_of(elsewhere)
    assert likeness["unlike_actions"]["value"] > 0.9
    assert likeness["verdict"].startswith("This site is unlike what taught was taught")
    assert likeness["verdict"] in (elsewhere / "report.html").read_text()


def test_a_site_like_the_taught_clips_is_not(evaluated, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    folder = evaluated(COLOURS["red"])
    likeness = figures_of(folder)
    assert likeness["unlike_actions"]["value"] < 0.15
    assert (likeness["expected"], likeness["verdict"]) == (0.05, "")
    said = " ".join(capsys.readouterr().out.split())
    assert "This site" not in said
    assert "windows with an action unlike all that was taught expected of held-out clips: at most 0.05" in said
    assert "Likeness of this site" in (folder / "report.html").read_text()


def test_the_distances_are_those_of_the_windows_that_teaching_takes(elsewhere, network):
    """As scipy measures them, between what the network was taught and the windows of teaching."""
    prefix = "taught/likeness/"
    added = [one for one in load_onnx(network / "network.onnx").graph.initializer if one.name.startswith(prefix)]
    values = {one.name.removeprefix(prefix): numpy_helper.to_array(one) for one in added}
    with ImageEmbedder(find_model(str(network)), CPU, mirror=False) as embedder:
        [seen] = embedder.look_at(elsewhere.parent / "0.avi")
    rows = (seen.embeddings[:, 0] - values["mean"]) * values["factor"]
    expected = cdist(rows, values["taught"].T / -2).min(axis=1) / values["limit"]
    lines = [line for line in lines_of(elsewhere) if line["bag"] == "0.avi"]
    own = {line["end"]: line["distance"] for line in lines if "distance" in line}
    assert list(own) == seen.end.tolist()
    assert list(own.values()) == pytest.approx(expected.tolist(), rel=1e-3)
    assert 0 < len(own) < len(lines)


def test_what_is_beyond_the_limit_is_none(elsewhere):
    """The network itself agrees: such a window's first answer is none."""
    beyond = [line for line in lines_of(elsewhere) if line.get("distance", 0) > 1]
    assert beyond
    assert {line["hypotheses"][0][0] for line in beyond} == {"none"}


def test_in_processes_it_is_the_same(elsewhere, evaluated):
    assert lines_of(elsewhere) == lines_of(evaluated((60, 230, 60), "--jobs", "2"))


def test_an_interrupted_recording_has_the_same_distances(network, elsewhere, tmp_path):
    values = node_parameters(given=[f"model:={network}", "backend:=openvino", "precision:=f32"])
    one, texts = Job("0.avi", elsewhere.parent / "0.avi"), []
    with open_recognizer(values) as recognizer, EvaluatedNetworks(values, recognizer) as networks:
        for folder, images in (("whole", ()), ("resumed", (13, 19))):
            plan = Plan(values, tmp_path / folder)
            header = job.header_of(recognizer, plan)
            for taken in images:
                left = iter(range(taken))
                with pytest.raises(StoppedError):
                    job.run(one, plan, networks, header, lambda _: None, lambda left=left: next(left, None) is None)
            key = job.run(one, plan, networks, header, lambda _: None)
            texts.append((plan.folder / job.PARTS / f"{key}.jsonl").read_text())
    assert texts[0] == texts[1]
    assert '"distance"' in texts[0]


def test_a_network_that_was_not_taught_has_no_such_figure(evaluate):
    metrics = json.loads((evaluate() / "metrics.json").read_text())
    assert "likeness" not in metrics
    assert "person_likeness" not in metrics


SECOND = 10**9


def judged(bag, spans):
    return Judged(bag, "/a", 0, np.zeros(0, row_type(1)), (), spans, ())


def compared(*distances):
    start = np.arange(len(distances)) * SECOND
    return ComparedWindows(start, start + SECOND, np.array(distances))


def test_the_shares_are_of_all_windows_and_of_those_with_an_action():
    classes = join(["wave", "none"], ("wave", "none"))
    tracks = [judged(name, ((0, 2 * SECOND, "wave"), (2 * SECOND, 4 * SECOND, "none"))) for name in "ab"]
    windows = {("a", "/a"): compared(0.5, 2.0, 2.0, 2.0), ("b", "/a"): compared(0.5, 0.9, 1.1)}
    figures = likeness_figures(tracks, classes, windows, "mine")
    assert (figures.windows, figures.unlike.value) == (7, pytest.approx(4 / 7))
    assert (figures.action_windows, figures.unlike_actions.value) == (4, pytest.approx(1 / 4))
    assert [(row.bag, row.windows, row.unlike) for row in figures.streams] == [("a", 4, 0.75), ("b", 3, 1 / 3)]
    assert figures.unlike.low < 4 / 7 < figures.unlike.high


WAVE = join(["wave"], ("wave", "none"))


def figures_with(*distances):
    """Of as many streams, in which one waves all the time."""
    tracks = [judged(str(number), ((0, 99 * SECOND, "wave"),)) for number in range(len(distances))]
    windows = {(str(number), "/a"): compared(*own) for number, own in enumerate(distances)}
    return likeness_figures(tracks, WAVE, windows, "mine")


@pytest.mark.parametrize(
    ("distances", "unlike"),
    [
        ([[2.0]], False),  # one window may be chance
        ([[2.0] + 2 * [0.5]], False),
        ([3 * [2.0]], True),
        ([[2.0], [0.5, 0.5]], False),
        ([3 * [2.0], 3 * [2.0]], True),
        ([3 * [2.0], 3 * [2.0], 3 * [2.0]], True),
        (3 * [[2.0] + 9 * [0.5]], False),
    ],
)
def test_a_site_is_said_to_be_unlike_when_it_cannot_be_chance(distances, unlike):
    figures = figures_with(*distances)
    assert figures.verdict.startswith("This site is unlike what mine was taught: 100%") == unlike
    assert bool(figures.verdict) == unlike


def test_of_one_or_two_streams_the_interval_is_the_exact_one_of_their_windows():
    """All of n are unlike: by the binomial distribution, a share p of which this is as likely as 0.025, p^n."""
    for distances in ([4 * [2.0]], [[2.0], 3 * [2.0]]):
        figures = figures_with(*distances)
        assert (figures.unlike.low, figures.unlike.high) == (pytest.approx(0.025 ** (1 / 4)), 1)
        assert figures.unlike_actions == figures.unlike


def test_of_what_was_not_compared_there_is_no_figure():
    tracks = [judged("a", ((0, 2 * SECOND, "wave"),))]
    assert likeness_figures(tracks, WAVE, {}, "mine") is None
    assert likeness_figures([replace(tracks[0], bag="b")], WAVE, {("a", "/a"): compared(2.0)}, "mine") is None


def test_a_window_shows_an_action_by_the_coverage_that_is_asked_for():
    tracks = [judged("a", ((round(1.6 * SECOND), 9 * SECOND, "wave"),))]
    windows = {("a", "/a"): compared(0.5, 0.5, 2.0)}  # of a second each: the second one shares 0.4 s with the segment
    figures = [likeness_figures(tracks, WAVE, windows, "mine", coverage) for coverage in (0.3, 0.5)]
    assert [(one.action_windows, one.unlike_actions.value) for one in figures] == [(2, 0.5), (1, 1.0)]


def test_background_that_is_unlike_is_no_reason_to_say_so():
    tracks = [judged("a", ((8 * SECOND, 9 * SECOND, "wave"),))]
    figures = likeness_figures(tracks, WAVE, {("a", "/a"): compared(2.0, 2.0)}, "mine")
    assert (figures.unlike.value, figures.verdict) == (1.0, "")

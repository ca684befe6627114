"""The command as users run it, on bags of a small real network."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from bags import SECOND, T0, TOPIC, action, damaged_bag, series, write_bag
from mcap_ros2.reader import read_ros2_messages
from small_networks import encoder_decoder

from har_ros.cli import main
from har_ros.evaluate import job, report, results
from har_ros.evaluate.assess import Truth, assess
from har_ros.evaluate.bag import CLASSIFICATION
from har_ros.evaluate.mistakes import worst
from har_ros.evaluate.plan import Job, Plan, StoppedError
from har_ros.evaluate.settings import node_parameters
from har_ros.evaluate.truth import Segment
from har_ros.networks import ClipNetwork
from har_ros.parameters import open_recognizer

BRIGHT = {"first": (200, 10, 10, 10), "second": (10, 200, 10, 10)}
FILES = [results.PREDICTIONS, results.METRICS, results.REPORT]


def values_of(seed, count=60):
    """Return brightness that makes another frame of each window the brightest."""
    return [(seed * 37 + i * i * 23) % 200 + 10 for i in range(count)]


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    two = [*series(values_of(1)), *series(values_of(2), "/cam02/image_raw", late=0.3, frame_id="cam02")]
    spoken = [
        ("/truth", CLASSIFICATION, T0 + s * SECOND, action(label, s))
        for s, label in ((0, "first"), (20, ""), (30, "third"), (50, ""))
    ]
    return [
        write_bag(folder / "one", [*two, *spoken]),
        write_bag(folder / "two", series(values_of(3)), "sqlite3"),
        write_bag(folder / "three", series(values_of(4), period=0.5)),
    ]


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(
        "bag,camera,start,end,label\n*,*,0,20,first\ntwo,,30,40,second one\none,/cam02/image_raw,30,45,third\n"
        "three,,20,28,nothing\n"
    )
    path.with_name("map.yaml").write_text("second one: [second, fourth]\nnothing: none\n")
    return ["--truth", str(path), "--label-map", str(path.with_name("map.yaml"))]


@pytest.fixture
def evaluate(bags, brightness_card, tmp_path, truth):
    def run(*options, output="results", recordings=bags, status=0):
        folder = tmp_path / output
        given = ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "-p", "max_gap:=0.0"]
        assert main(["evaluate", *map(str, recordings), "-o", str(folder), *given, *truth, *options]) == status
        return folder

    return run


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def lines(folder):
    return [json.loads(line) for line in (folder / results.PREDICTIONS).read_text().splitlines()]


def test_an_evaluation(evaluate, capsys, bags):
    folder = evaluate()
    assert not (folder / job.PARTS).exists()
    header, *windows = lines(folder)
    assert [recording["name"] for recording in header["recordings"]] == ["one", "two", "three"]
    assert len(windows) == 4 * 57
    assert [window["bag"] for window in windows] == ["one"] * 114 + ["two"] * 57 + ["three"] * 57
    assert windows[0]["start"] == T0
    assert windows[0]["end"] == T0 + 3 * SECOND
    scores = dict(windows[0]["hypotheses"])
    brightest = max(zip(values_of(1)[:4], ("first", "second", "third", "fourth"), strict=True))[1]
    assert max(scores, key=scores.get) == brightest
    measured = json.loads((folder / results.METRICS).read_text())
    assert [row["label"] for row in measured["classes"]] == ["first", "second one", "third"]
    assert measured["overall"]["segments"] == 6
    shown = capsys.readouterr()
    assert "windows expected, run" in shown.out
    assert f"{folder / results.REPORT}" in shown.out.replace("\n", "")


def test_every_way_of_running_gives_the_same_files(evaluate, capsys):
    once = contents(evaluate())
    assert contents(evaluate(output="again")) == once
    assert contents(evaluate("--jobs", "2", output="in processes")) == once
    capsys.readouterr()
    assert contents(evaluate()) == once
    assert "has the predictions already" in capsys.readouterr().err


@pytest.fixture
def plan(brightness_card, tmp_path):
    values = node_parameters(given=[f"model:={brightness_card}", "backend:=openvino"])
    return Plan(values, tmp_path / "resumed", annotate=True)


def test_an_interrupted_recording_goes_on(bags, plan, monkeypatch):
    one = Job("one", bags[0])
    infer, runs = ClipNetwork.run, []

    def counted(self, clips, memories):
        runs.append(clips)
        return infer(self, clips, memories)

    monkeypatch.setattr(ClipNetwork, "run", counted)
    whole = Plan(plan.values, plan.folder.with_name("whole"), annotate=True)
    with open_recognizer(plan.values) as recognizer:
        header = job.header_of(recognizer, plan)
        runs.clear()
        key = job.run(one, whole, recognizer, header, lambda progress: None)
        expected = len(runs)
        for images in (20, 70):
            left = iter(range(images))
            with pytest.raises(StoppedError):
                job.run(
                    one, plan, recognizer, header, lambda progress: None, lambda left=left: next(left, None) is None
                )
        assert job.run(one, plan, recognizer, header, lambda progress: None) == key
        assert len(runs) == 2 * expected  # none twice
        shown = []
        assert job.run(one, plan, recognizer, header, shown.append) == key
        assert not shown  # it was complete
    for name in (f"{job.PARTS}/{key}.jsonl", f"{job.PARTS}/{key}.json", "annotated/one/one.mcap"):
        assert (plan.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_network_with_a_memory_begins_an_interrupted_recording_anew(bags, tmp_path):
    card, _, _ = encoder_decoder(tmp_path)
    values = node_parameters(given=[f"model:={card}", "backend:=openvino"])
    one, parts = Job("one", bags[0]), []
    with open_recognizer(values) as recognizer:
        for folder, interrupted in (("whole", False), ("resumed", True)):
            plan = Plan(values, tmp_path / folder)
            header = job.header_of(recognizer, plan)
            if interrupted:
                left = iter(range(70))
                with pytest.raises(StoppedError):
                    job.run(
                        one, plan, recognizer, header, lambda progress: None, lambda left=left: next(left, None) is None
                    )
            key = job.run(one, plan, recognizer, header, lambda progress: None)
            parts.append((plan.folder / job.PARTS / f"{key}.jsonl").read_text())
    assert parts[0] == parts[1]
    assert len(parts[0].splitlines()) == 114


def test_answers_of_a_run_that_was_killed_while_writing(bags, plan):
    """The file may end anywhere, also within an answer."""
    one = Job("one", bags[0])
    with open_recognizer(plan.values) as recognizer:
        header = job.header_of(recognizer, plan)
        key = job.run(one, plan, recognizer, header, lambda progress: None)
        part = plan.folder / job.PARTS / f"{key}.jsonl"
        expected = part.read_bytes()
        (plan.folder / job.PARTS / f"{key}.json").unlink()
        answers = plan.folder / job.PARTS / f"{key}.answers"
        given = answers.read_bytes()
        os.truncate(answers, 16 * 30 + 7)
        job.run(one, plan, recognizer, header, lambda progress: None)
    assert part.read_bytes() == expected
    assert answers.read_bytes() == given


@pytest.mark.parametrize(("number", "processes"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_ctrl_c_keeps_what_is_done(brightness_card, tmp_path, number, processes):
    """Two cores run this network many thousand times a second, so the bags are long."""
    recordings = [write_bag(tmp_path / name, series(values_of(7, 4000))) for name in ("a", "b")]
    command = [str(Path(sys.executable).with_name("actionnet")), "evaluate", *map(str, recordings)]
    command += ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "--jobs", str(processes)]
    folder = tmp_path / "interrupted"
    with subprocess.Popen([*command, "-o", folder], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in folder.glob(f"{job.PARTS}/*.answers")):
            assert time.monotonic() < deadline
            assert process.poll() is None
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    assert not (folder / results.PREDICTIONS).exists()
    subprocess.run([*command, "-o", folder], check=True, capture_output=True)
    subprocess.run([*command, "-o", tmp_path / "whole"], check=True, capture_output=True)
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_topic_of_the_bag_may_tell_the_truth(evaluate, bags, truth):
    del truth[:]
    folder = evaluate("--truth-topic", "/truth", recordings=bags[:1])
    segments = json.loads((folder / results.METRICS).read_text())["segments"]
    found = [(s["camera"], (s["start"] - T0) / SECOND, (s["end"] - T0) / SECOND, s["label"]) for s in segments]
    assert found == [(TOPIC, 0, 20, "first"), (TOPIC, 30, 50, "third")]


def test_a_slow_network_is_simulated(evaluate):
    folder = evaluate("--inference-time", "2.5", "--realtime-factor", "2")
    overall = json.loads((folder / results.METRICS).read_text())["overall"]
    counts = overall["counts"]
    assert counts["windows_expected"] == 228
    assert counts["windows_dropped_busy"] == 228 - overall["windows"]["run"]
    # Every 5 s from the first window on (3, 3 and 1.5 s) while there are some, and then those that wait.
    assert overall["windows"]["run"] == (12 + 2) + (12 + 1) + (6 + 1)


def test_a_realtime_factor_alone_is_in_units_of_the_cameras_windows(evaluate):
    given = ["-p", "sample_rate:=2.0", "--realtime-factor", "8"]
    once = contents(evaluate(*given))
    assert contents(evaluate(*given, "--inference-time", "0.5", output="the same")) == once


def test_limits_decide_the_status(evaluate, capsys):
    evaluate("--fail-below", "top1=0.0", "--fail-above", "false_alarms_per_hour=1e9")
    evaluate("--fail-below", "top1=1.0", "--fail-above", "delay=0", status=1)
    said = capsys.readouterr().err
    assert re.search(r"top1 is 0\.\d+, below 1", said)
    assert re.search(r"delay is \d\S*, above 0", said)


def test_a_comparison_with_earlier_results(evaluate, capsys):
    earlier = evaluate(output="earlier")
    folder = evaluate("-p", "smoothing:=5.0", "--against", str(earlier))
    assert "difference" in capsys.readouterr().out
    assert "Compared with before" in (folder / results.REPORT).read_text()
    assert main(["compare", str(earlier), str(folder / results.METRICS)]) == 0
    shown = capsys.readouterr().out
    assert "windows right at first" in shown
    assert "better" in shown or "worse" in shown


def test_annotated_bags(evaluate, bags):
    folder = evaluate("--annotate", recordings=bags[:2])
    read = list(read_ros2_messages(folder / "annotated" / "one" / "one.mcap"))  # not by what wrote it
    counts = Counter(message.channel.topic for message in read)
    assert counts == {"/actions": 114, **{f"/cam0{n}/actions_image/compressed": 60 for n in (1, 2)}}
    assert [message.log_time_ns for message in read] == sorted(message.log_time_ns for message in read)
    picture = next(message.ros_msg for message in read if message.channel.topic != "/actions")
    assert cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR).shape == (8, 8, 3)
    actions = [message.ros_msg for message in read if message.channel.topic == "/actions"]
    windows = [window for window in lines(folder)[1:] if window["bag"] == "one"]
    for message, window in zip(actions, windows, strict=True):
        assert message.header.stamp.sec * SECOND + message.header.stamp.nanosec == window["end"]
        accepted = [(label, score) for label, score in window["hypotheses"] if score >= 0.01]
        assert [(result.class_id, result.score) for result in message.results] == accepted


def test_the_report_needs_nothing_else_and_shows_text_as_text(evaluate, bags, truth):
    Path(truth[1]).write_text('start,end,label\n0,9,"<script>alert(1)</script>"\n')
    Path(truth[3]).write_text('"<script>alert(1)</script>": [second, third]\n')
    text = (evaluate() / results.REPORT).read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", text)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert text.count("data:image/jpeg") >= 3


def test_the_worst_mistakes_have_their_own_pictures(evaluate, bags, truth):
    Path(truth[1]).write_text("start,end,label\n0,60,first\n")
    folder = evaluate(recordings=bags[:1])
    header, _ = results.read(folder / results.PREDICTIONS)
    known = Truth((Segment(0, 60, "first"),))
    one = Job("one", bags[0])
    found = worst(assess(folder / results.PREDICTIONS, header, known.of([one], header), known), [one])
    assert {mistake.camera for mistake in found} == {TOPIC, "/cam02/image_raw"}
    assert [mistake.score for mistake in found] == sorted((mistake.score for mistake in found), reverse=True)
    for mistake in found:
        assert mistake.said != "first"
        end = round(mistake.end)
        expected = [values_of(1 if mistake.camera == TOPIC else 2)[second] for second in (end - 3, end - 2, end)]
        shown = [base64.b64decode(url.partition(",")[2]) for url in mistake.pictures]
        means = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).mean() for jpeg in shown]
        assert means == pytest.approx(expected, abs=2)


def test_of_many_classes_the_report_shows_what_is_confused_most(evaluate, monkeypatch):
    assert 'class="confusion"' in (evaluate() / results.REPORT).read_text()
    monkeypatch.setattr(report, "MOST_CLASSES", 2)
    folder = evaluate()
    text = (folder / results.REPORT).read_text()
    assert 'class="confusion"' not in text
    confusion = json.loads((folder / results.METRICS).read_text())["confusion"]
    windows = {
        (true, said): count
        for true, row in zip(confusion["rows"], confusion["windows"], strict=True)
        for said, count in zip(confusion["columns"], row, strict=True)
        if true != said and count
    }
    true, said = max(windows, key=windows.get)
    shown = text.partition("What was most often said")[2]
    cells = [re.escape(f'<td class="label">{name}</td>') for name in (true, said)]
    assert re.search(r"</th></tr>\s*<tr>" + "".join(cells), shown)


def test_timelines_are_as_long_as_the_longest_recording_and_unfold(evaluate, monkeypatch):
    monkeypatch.setattr(report, "MOST_TRACKS", 3)
    text = (evaluate() / results.REPORT).read_text()
    assert text.count('class="ribbon"') == 4
    assert "1 more cameras" in text
    before, _, behind = text.partition("1 more cameras")
    assert (before.count('class="ribbon"'), behind.count('class="ribbon"')) == (3, 1)
    ticks = re.findall(r">(\d+) s</text>", before)
    assert ticks[: len(ticks) // 3] == [str(5 * i) for i in range(12)]  # 59.3 s


def test_a_damaged_recording_is_told_and_the_rest_stands(evaluate, bags, tmp_path, capsys):
    path = damaged_bag(tmp_path / "cut")
    folder = evaluate(recordings=[bags[1], path], status=1)
    assert "cut cannot be read behind" in capsys.readouterr().err
    assert "cut cannot be read behind" in (folder / results.REPORT).read_text()
    assert len(lines(folder)) > 57
    before = contents(folder)
    evaluate(recordings=[bags[1], path], status=1)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--truth", "nowhere.csv"], "cannot read nowhere.csv"),
        (["--label-map", "nowhere.yaml"], "cannot read nowhere.yaml"),
        (["--against", "nowhere"], "cannot read nowhere"),
        (["--params-file", "nowhere.yaml"], "cannot read nowhere.yaml"),
        (["-p", "threshold:=2.0"], "parameter threshold is 2.0"),
        (["-p", "image_topics:=[/lost]"], "has no images on /lost; it has /cam01/image_raw"),
        (["-p", "model:=magic"], "model 'magic' is unknown"),
        (["--truth-topic", "/lost"], "has no vision_msgs/msg/Classification on /lost"),
        (["--realtime-factor", "2"], "--realtime-factor needs --inference-time where frames are counted"),
    ],
)
def test_what_cannot_work_is_refused_before_the_work(evaluate, capsys, options, said):
    folder = evaluate(*options, status=1)
    assert said in capsys.readouterr().err
    assert not folder.exists()


def test_annotated_bags_may_be_made_later(evaluate, bags):
    before = contents(evaluate(recordings=bags[:1]))
    folder = evaluate("--annotate", recordings=bags[:1])
    assert (folder / "annotated" / "one").is_dir()
    assert contents(folder) == before


def test_a_truth_of_other_recordings_is_told(evaluate, truth, capsys):
    with Path(truth[1]).open("a") as file:
        file.write("four,,0,1,first\n")
    evaluate()
    assert "the truth speaks of 1 recordings that are not given, such as four" in capsys.readouterr().err


def test_a_truth_of_nothing_but_other_recordings_is_refused(evaluate, truth, capsys):
    Path(truth[1]).write_text("video,start,end,label\nfour.mp4,0,1,first\n")
    evaluate(status=1)
    assert "the truth speaks of four.mp4 and not of one" in capsys.readouterr().err


def test_the_same_recording_twice_is_refused(evaluate, bags, capsys):
    evaluate(recordings=[bags[0], bags[0]], status=1)
    assert "named more than once" in capsys.readouterr().err


def test_results_of_another_evaluation_are_not_overwritten_by_mistake(evaluate, capsys):
    before = contents(evaluate())
    folder = evaluate("-p", "threshold:=0.5", status=1)
    assert "the results of another evaluation" in capsys.readouterr().err
    assert contents(folder) == before
    assert contents(evaluate("-p", "threshold:=0.5", "--overwrite")) != before


def test_another_network_of_the_same_name_runs_anew(evaluate, bags, tmp_path, brightness_card):
    own = shutil.copytree(brightness_card.parent, tmp_path / "own")
    model = ["-p", f"model:={own / brightness_card.name}"]
    evaluate(*model, recordings=bags[:1])
    network = onnx.load(own / "brightness.onnx")
    tenth = next(one for one in network.graph.initializer if one.name == "tenth")
    tenth.CopyFrom(onnx.numpy_helper.from_array(np.array(0.2, np.float32), "tenth"))
    onnx.save(network, own / "brightness.onnx")
    evaluate(*model, recordings=bags[:1], status=1)  # refused, since other results are there
    evaluate(*model, "--overwrite", recordings=bags[:1])


def test_recordings_of_the_same_name_are_told_apart(evaluate, tmp_path):
    paths = [write_bag(tmp_path / folder / "bag", series(values_of(n))) for n, folder in enumerate(("x", "y"))]
    assert [r["name"] for r in lines(evaluate(recordings=paths))[0]["recordings"]] == ["x/bag", "y/bag"]


def test_truth_check(bags, brightness_card, tmp_path, truth, capsys):
    command = ["truth", "check", truth[1], *map(str, bags), "-p", f"model:={brightness_card}"]
    assert main([*command, "--label-map", truth[3]]) == 0
    assert "4 segments with 4 labels fit 3 recordings" in capsys.readouterr().out
    assert main(command) == 1
    assert "truth name 'second one'" in capsys.readouterr().out.replace("\n", " ")


def test_the_real_network_on_a_real_video(shared_data, tmp_path):
    """DeepMind's clip of a batsman, as a bag: I3D's known answer."""
    film, bag, folder = shared_data / "cricket.gif", tmp_path / "bag", tmp_path / "results"
    (tmp_path / "truth.yaml").write_text("- {start: 0, end: 3.16, label: playing cricket}\n")
    assert main(["record", str(film), "-o", str(bag), "--raw"]) == 0
    options = ["--truth", str(tmp_path / "truth.yaml"), "--inference-time", "0.2", "--fail-below", "top1=1"]
    assert main(["evaluate", str(bag), "-o", str(folder), *options]) == 0
    overall = json.loads((folder / results.METRICS).read_text())["overall"]
    assert overall["windows"]["run"] == 4
    assert overall["counts"]["windows_expected"] == 16
    assert overall["segment_accuracy"]["value"] == 1
    assert overall["delay"]["value"] == pytest.approx(63 / 25 + 0.2)

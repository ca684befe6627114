"""The command as users run it, on bags of a small real network."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from bags import SECOND, T0, TOPIC, contents, damaged_bag, grey, lines, series, values_of, write_bag
from clips import write_video

from har_ros.commands.main import main
from har_ros.evaluate import job, results
from har_ros.files.results_folder import METRICS


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
    measured = json.loads((folder / METRICS).read_text())
    assert [row["label"] for row in measured["classes"]] == ["first", "second one", "third"]
    assert measured["overall"]["segments"] == 6
    shown = capsys.readouterr()
    assert "windows expected, run" in shown.out
    assert re.search(r"false_alarms_per_hour +\d+\.\d+ +\d+\.\d+ … \d+\.\d+", shown.out)
    assert f"{folder / results.REPORT}" in shown.out.replace("\n", "")


def test_every_way_of_running_gives_the_same_files(evaluate, capsys):
    once = contents(evaluate())
    assert contents(evaluate(output="again")) == once
    assert contents(evaluate("--jobs", "2", output="in processes")) == once
    capsys.readouterr()
    assert contents(evaluate()) == once
    assert "has the predictions already" in capsys.readouterr().err


def test_a_topic_of_the_bag_may_tell_the_truth(evaluate, bags, truth):
    del truth[:]
    folder = evaluate("--truth-topic", "/truth", recordings=bags[:1])
    segments = json.loads((folder / METRICS).read_text())["segments"]
    found = [(s["camera"], (s["start"] - T0) / SECOND, (s["end"] - T0) / SECOND, s["label"]) for s in segments]
    assert found == [(TOPIC, 0, 20, "first"), (TOPIC, 30, 50, "third")]


def test_a_slow_network_is_simulated(evaluate):
    folder = evaluate("--inference-time", "2.5", "--realtime-factor", "2")
    overall = json.loads((folder / METRICS).read_text())["overall"]
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
    assert main(["compare", str(earlier), str(folder / METRICS)]) == 0
    shown = capsys.readouterr().out
    assert "windows right at first" in shown
    assert "better" in shown or "worse" in shown


def test_a_damaged_recording_is_told_and_the_rest_stands(evaluate, bags, tmp_path, capsys):
    path = damaged_bag(tmp_path / "cut")
    folder = evaluate(recordings=[bags[1], path], status=1)
    assert "cut cannot be read after" in capsys.readouterr().err
    assert "cut cannot be read after" in (folder / results.REPORT).read_text()
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


def test_a_truth_of_other_recordings_is_told(evaluate, truth, capsys):
    with Path(truth[1]).open("a") as file:
        file.write("four,,0,1,first\n")
    evaluate()
    assert "the truth also names 1 recording that you did not give, such as four" in capsys.readouterr().err


def test_a_truth_of_nothing_but_other_recordings_is_refused(evaluate, truth, capsys):
    Path(truth[1]).write_text("video,start,end,label\nfour.mp4,0,1,first\n")
    evaluate(status=1)
    assert "the truth names four.mp4 and not one" in capsys.readouterr().err


def test_the_same_recording_twice_is_refused(evaluate, bags, capsys):
    evaluate(recordings=[bags[0], bags[0]], status=1)
    assert "named more than once" in capsys.readouterr().err


def test_results_of_another_evaluation_are_not_overwritten_by_mistake(evaluate, capsys):
    before = contents(evaluate())
    folder = evaluate("-p", "threshold:=0.5", status=1)
    assert "the results of another evaluation" in capsys.readouterr().err
    assert contents(folder) == before
    assert contents(evaluate("-p", "threshold:=0.5", "--overwrite")) != before


@pytest.mark.parametrize("outside", [False, True])
def test_another_network_of_the_same_name_runs_anew(evaluate, bags, tmp_path, brightness_card, outside):
    """outside: the weights are in a file of their own, which alone changes."""
    own = shutil.copytree(brightness_card.parent, tmp_path / "own")
    model = ["-p", f"model:={own / brightness_card.name}"]
    network = onnx.load(own / "brightness.onnx")
    onnx.save(network, own / "brightness.onnx", save_as_external_data=outside, location="weights", size_threshold=0)
    evaluate(*model, recordings=bags[:1])
    network = onnx.load(own / "brightness.onnx")
    (own / "weights").unlink(missing_ok=True)
    tenth = next(one for one in network.graph.initializer if one.name == "tenth")
    tenth.CopyFrom(onnx.numpy_helper.from_array(np.array(0.2, np.float32), "tenth"))
    onnx.save(network, own / "brightness.onnx", save_as_external_data=outside, location="weights", size_threshold=0)
    evaluate(*model, recordings=bags[:1], status=1)  # refused, since other results are there
    evaluate(*model, "--overwrite", recordings=bags[:1])


def test_recordings_of_the_same_name_are_told_apart(evaluate, tmp_path):
    paths = [write_bag(tmp_path / folder / "bag", series(values_of(n))) for n, folder in enumerate(("x", "y"))]
    assert [r["name"] for r in lines(evaluate(recordings=paths))[0]["recordings"]] == ["x/bag", "y/bag"]


def test_truth_check(bags, brightness_card, tmp_path, truth, capsys):
    command = ["truth", "check", truth[1], *map(str, bags), "-p", f"model:={brightness_card}"]
    assert main([*command, "--label-map", truth[3]]) == 0
    assert "no problem found: 4 segments with 4 labels, 3 recordings" in capsys.readouterr().out
    assert main(command) == 1
    said = capsys.readouterr().out.replace("\n", " ")
    assert f"truth name 'second one': 'second one' is no class of {brightness_card}; map it" in said


def test_a_video_shorter_than_a_window_is_judged_as_teaching_pads_it(evaluate, tmp_path, truth, capsys):
    """Two pictures for windows of four: played twice, the first is brightest, which is class one."""
    clips = [write_video(tmp_path / name, [grey(value) for value in (200, 20)]) for name in ("a.avi", "b.avi")]
    Path(truth[1]).write_text("start,end,label\n0,9,first\n")
    folder = evaluate(recordings=clips)
    windows = lines(folder)[1:]
    assert [(w["start"], w["end"], w["padded"]) for w in windows] == [(0, SECOND // 8, True)] * 2
    measured = json.loads((folder / METRICS).read_text())
    assert measured["overall"]["windows"]["padded"] == measured["overall"]["windows"]["labelled"] == 2
    assert measured["overall"]["top1"]["value"] == measured["overall"]["segment_accuracy"]["value"] == 1
    said = capsys.readouterr().out
    assert re.search("clips shorter than a window, played again +2", said)
    assert "intervals: over segments; of false alarms, exact" in said
    assert "2 windows of clips that are shorter" in (folder / results.REPORT).read_text()
    assert contents(evaluate(recordings=clips, output="again")) == contents(folder)


def test_a_video_too_short_to_be_played_again_is_told(evaluate, tmp_path, truth, capsys):
    clip = write_video(tmp_path / "one.avi", [grey(200)])
    Path(truth[1]).write_text("start,end,label\n0,9,first\n")
    folder = evaluate(recordings=[clip], status=1)
    said = capsys.readouterr().err
    assert f"{clip} is too short, with 1 image" in said
    assert "too few images" not in said
    assert json.loads((folder / METRICS).read_text())["overall"]["counts"]["cameras_too_short"] == 1


def test_of_a_bag_shorter_than_a_window_a_node_says_nothing(evaluate, bags, tmp_path, truth, capsys):
    Path(truth[1]).write_text("start,end,label\n0,9,first\n")
    bag = write_bag(tmp_path / "short", series(values_of(1, 3)))
    folder = evaluate(recordings=[bag, bags[1]])
    measured = json.loads((folder / METRICS).read_text())
    assert [row["counts"]["cameras_too_short"] for row in measured["per_bag"]] == [1, 0]
    assert measured["overall"]["windows"]["padded"] == 0
    shown = capsys.readouterr()
    assert f"too few images for a window from 1 of 2 cameras, such as short {TOPIC}" in shown.err
    assert re.search("cameras with too few images for a window +1", shown.out)
    assert "Too few images for a window from 1 of 2 cameras" in (folder / results.REPORT).read_text()
    capsys.readouterr()
    evaluate(recordings=[bag], output="alone", status=1)
    assert "too few images for a window from 1 of 1 camera" in capsys.readouterr().err


def test_the_real_network_on_a_real_video(shared_data, tmp_path):
    """DeepMind's clip of a batsman, as a bag: I3D's known answer."""
    film, bag, folder = shared_data / "cricket.gif", tmp_path / "bag", tmp_path / "results"
    (tmp_path / "truth.yaml").write_text("- {start: 0, end: 3.16, label: playing cricket}\n")
    assert main(["record", str(film), "-o", str(bag), "--raw"]) == 0
    options = ["--truth", str(tmp_path / "truth.yaml"), "--inference-time", "0.2", "--fail-below", "top1=1"]
    assert main(["evaluate", str(bag), "-o", str(folder), *options]) == 0
    overall = json.loads((folder / METRICS).read_text())["overall"]
    assert overall["windows"]["run"] == 4
    assert overall["counts"]["windows_expected"] == 16
    assert overall["segment_accuracy"]["value"] == 1
    assert overall["delay"]["value"] == pytest.approx(63 / 25 + 0.2)

"""What people look at: the report and the annotated bags."""

import base64
import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from bags import SECOND, TOPIC, contents, lines, series, values_of, write_bag
from chromium import NO_CHROMIUM, chromium
from mcap_ros2.reader import read_ros2_messages
from pages import HOSTILE, check_page
from predictions import predictions

from har_ros.evaluate import charts, report, results
from har_ros.evaluate.assess import Truth, assess
from har_ros.evaluate.mistakes import worst
from har_ros.evaluate.plan import Job
from har_ros.files.results_folder import METRICS
from har_ros.reports.drawing import PALETTE
from har_ros.truth.segments import Segment, join


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


def test_annotated_bags_may_be_made_later(evaluate, bags):
    before = contents(evaluate(recordings=bags[:1]))
    folder = evaluate("--annotate", recordings=bags[:1])
    assert (folder / "annotated" / "one").is_dir()
    assert contents(folder) == before


@pytest.fixture
def hostile_report(evaluate, tmp_path, truth):
    """The report of a bag, a topic and classes whose names would like to be markup."""
    bag = write_bag(tmp_path / HOSTILE.replace("/", "_"), series(values_of(1), "/" + HOSTILE))
    labels = [HOSTILE, "_$\\frac$</title>", HOSTILE + "2"]
    rows = [{"start": 10 * i, "end": 10 * i + 9, "label": label} for i, label in enumerate(labels)]
    path = tmp_path / "truth.yaml"
    path.write_text(json.dumps(rows))
    names = dict(zip(labels, (["second", "third"], ["first", "fourth"], "none"), strict=True))
    Path(truth[3]).write_text(json.dumps(names))
    truth[1] = str(path)
    return evaluate(recordings=[bag]) / results.REPORT


def test_the_report_needs_nothing_else_and_shows_text_as_text(hostile_report):
    text = hostile_report.read_text()
    page = check_page(text)
    assert page.tags.count("svg") == 4
    legend = text.partition("<h2>Curves</h2>")[2].partition("<figcaption>")[0]
    assert legend.count("&lt;/title&gt;") == 2  # also of the class whose name begins with an underscore
    assert "7 * 7" in text
    assert not re.search(r"@import|https?://(?!www\.w3\.org)", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert text.count("data:image/jpeg") >= 3


@pytest.mark.skipif(not chromium(), reason=NO_CHROMIUM)
def test_a_browser_runs_nothing_in_the_report(hostile_report, tmp_path):
    title, said = browsed(hostile_report, tmp_path)
    assert title.startswith("brightness on ")
    assert "CONSOLE" not in said  # nor does the policy forbid what the report has
    attack = "<body><script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    attack += "<style>body { background: url(http://localhost/) }</style>"
    hostile_report.write_text(hostile_report.read_text().replace("<body>", attack))
    title, said = browsed(hostile_report, tmp_path)
    assert title.startswith("brightness on ")
    assert said.count("Content Security Policy") >= 4


def browsed(path, folder):
    """Return the page's title behind all that it runs, and what the browser logged."""
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --enable-logging=stderr --dump-dom"
    command = [chromium(), *options.split(), f"--user-data-dir={folder / 'browser'}", path.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return re.search(r"<title>(.*?)</title>", shown.stdout, re.DOTALL)[1], shown.stderr


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
    confusion = json.loads((folder / METRICS).read_text())["confusion"]
    windows = {
        (true, said): count
        for true, row in zip(confusion["rows"], confusion["windows"], strict=True)
        for said, count in zip(confusion["columns"], row, strict=True)
        if true != said and count
    }
    true, said = max(windows, key=windows.get)
    shown = text.partition("The most frequent confusions")[2]
    cells = [re.escape(f'<td class="label">{name}</td>') for name in (true, said)]
    assert re.search(r"</th></tr>\s*<tr>" + "".join(cells), shown)


def test_of_many_classes_the_most_frequent_have_colours_of_their_own(tmp_path):
    """Of twelve, the first four have one window each and the others two."""
    labels = [f"class {number}" for number in range(12)]
    true = [*range(12), *range(4, 12)]
    windows = [("/a", 10 * i + 1, np.eye(12)[number]) for i, number in enumerate(true)]
    segments = [Segment(10 * i, 10 * i + 1, labels[number]) for i, number in enumerate(true)]
    path, header = predictions(tmp_path, windows, labels=labels)
    report.write_report(tmp_path / "report.html", assess(path, header, segments, Truth(tuple(segments))), [], None)
    text = (tmp_path / "report.html").read_text()
    legend = re.search(r'<div class="legend">.*?</div>', text, re.DOTALL)[0]
    assert re.findall(r'background:(#\w+)"></i>([^<]*)<', legend) == list(zip(PALETTE, labels[4:], strict=True))
    assert "4 more classes" in legend
    curves = text.partition("<h2>Curves</h2>")[2].partition("<figcaption>")[0]
    assert [label for label in labels if f">{label}</text>" in curves] == labels[4:]


def test_answers_of_none_are_those_of_nothing(tmp_path):
    """Also what stays below the threshold; and of what the truth does not have, another class."""
    labels = ["run", "fly", "none"]
    answers = [[0.9, 0, 0.1], [0, 0, 1], [0, 1, 0], [0.25, 0.25, 0.2], [0, 0, 1]]
    windows = [("/a", end, scores) for end, scores in zip((1, 2, 3, 4, 8), answers, strict=True)]
    segments = [Segment(0, 5, "run")]
    path, header = predictions(tmp_path, windows, labels=labels)
    confusion = assess(path, header, segments, Truth(tuple(segments))).metrics.confusion
    assert (confusion.rows, confusion.columns) == (["run", "none"], ["run", "another class", "none"])
    assert confusion.windows == [[1, 1, 2], [0, 0, 1]]


def test_the_only_window_of_a_recording_is_seen_in_its_timeline(tmp_path):
    segments = [Segment(0, 1, "run")]
    path, header = predictions(tmp_path, [("/a", 1, (1, 0, 0, 0))])
    (track,) = assess(path, header, segments, Truth(tuple(segments))).judged
    shown = charts.ribbon(track, join(["run"], ["run"]), ["red"], 1.0)
    assert [(one["x"], one["width"]) for one in (*shown["said"], *shown["marks"])] == [(0, 100)] * 2


@pytest.mark.parametrize("named", ["evaluate.report.charts.reliability", "reports.page.Environment.get_template"])
def test_what_cannot_be_drawn_costs_no_figures(evaluate, monkeypatch, capsys, named):
    expected = contents(evaluate(output="whole"))
    folder = evaluate()
    capsys.readouterr()

    def fail(*_):
        raise ValueError("no such colour")

    monkeypatch.setattr(f"har_ros.{named}", fail)
    evaluate(status=1)
    shown = capsys.readouterr()
    said = [line for line in shown.err.splitlines() if "cannot be drawn" in line]
    assert said == [
        f"actionnet: {results.REPORT} cannot be drawn (ValueError: no such colour); the figures are in {METRICS}"
    ]
    assert "windows right at first" in shown.out
    assert not (folder / results.REPORT).exists()  # nor one of another truth
    for name in (results.PREDICTIONS, METRICS):
        assert (folder / name).read_bytes() == expected[name]


def test_timelines_are_as_long_as_the_longest_recording_and_unfold(evaluate, monkeypatch):
    monkeypatch.setattr(report, "MOST_TRACKS", 3)
    text = (evaluate() / results.REPORT).read_text()
    assert text.count('class="ribbon"') == 4
    assert "1 more camera<" in text
    before, _, behind = text.partition("1 more camera<")
    assert (before.count('class="ribbon"'), behind.count('class="ribbon"')) == (3, 1)
    ticks = re.findall(r">(\d+) s</text>", before)
    assert ticks[: len(ticks) // 3] == [str(5 * i) for i in range(12)]  # 59.3 s

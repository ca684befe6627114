import pytest
from rich.console import Console

from har_ros.commands.compare import changes_table
from har_ros.errors import ConfigurationError
from har_ros.evaluate.compare import compare, load_metrics
from har_ros.evaluate.window_figures import FIGURES


def segment(number, right, label="run"):
    return {"sha256": "1", "camera": "/a", "start": number, "end": number + 1, "label": label, "right": right}


def measured(shares, label="run", **values):
    figures = {name: {"value": values.get(name), "low": None, "high": None} for name, _ in FIGURES}
    return {"overall": figures, "segments": [segment(i, share, label) for i, share in enumerate(shares)]}


def test_what_got_better_and_what_worse():
    before, after = measured([0.2] * 12, top1=0.2, delay=3.0), measured([0.6] * 12, top1=0.6, delay=4.0)
    before["segments"] += [segment(i, 0.5, "walk") for i in range(20, 24)]
    after["segments"] += [segment(i, 0.4, "walk") for i in range(20, 24)]
    change = compare(before, after)
    figures = {row.name: row.better for row in change.figures}
    assert (figures["top1"], figures["delay"], figures["map"]) == (True, False, None)
    run, walk = change.classes
    assert (run.label, run.segments, run.significant) == ("run", 12, True)
    assert run.difference.value == pytest.approx(0.4)
    assert run.p == pytest.approx(4 / 2**12)  # Holm: the smaller of two counts twice
    assert (walk.label, walk.significant, walk.p) == ("walk", False, pytest.approx(2 / 2**4))
    assert change.overall.segments == 16


def test_figures_that_are_shown_as_equal_are_neither_better_nor_worse():
    change = compare(measured([1.0], calibration_error=0.00341), measured([1.0], calibration_error=0.00338))
    assert [row.better for row in change.figures if row.name == "calibration_error"] == [None]


def test_a_label_that_looks_like_markup_is_shown_as_it_is():
    change = compare(measured([1.0], "[/b] [red]"), measured([0.5], "[/b] [red]"))
    console = Console(record=True, width=200)
    console.print(changes_table(change))
    assert "[/b] [red]" in console.export_text()


def test_a_segment_without_windows_is_a_wrong_one():
    change = compare(measured([1.0, 1.0]), measured([1.0, None]))
    assert change.overall.after == 0.5


def test_evaluations_of_different_things_are_not_compared():
    other = measured([1.0])
    other["segments"][0]["sha256"] = "2"
    with pytest.raises(ConfigurationError, match="no segment in common"):
        compare(measured([1.0]), other)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"overall": {}}', '{"overall": 1, "segments": [1]}', '{"overall": {"top1": 1}, "segments": []}'],
)
def test_a_damaged_file_is_refused(tmp_path, text):
    path = tmp_path / "metrics.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"metrics\.json"):
        compare(load_metrics(tmp_path), load_metrics(path))

"""A run of the benchmark in a file."""

import json
import math

import pytest

from bench_run import Run
from figures import Figure, once
from har_ros.errors import ConfigurationError


def test_a_run_is_read_as_it_was_written(tmp_path):
    figures = [
        Figure("speed", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), "µs", "1.3", "90 / 80 µs"),
        once("slope", 0.5, "MB/h", interval=(-1.0, 2.0)),
        once("nothing", math.nan),
    ]
    run = Run({"cpu": "any", "cores": 2}, {"seconds": 15.0}, {"part": figures}, {"part": 12.34})
    run.write(tmp_path / "run.json")
    found = Run.read(tmp_path / "run.json")
    assert (found.machine, found.options, found.parts) == (run.machine, run.options, run.parts)
    assert found.took == {"part": 12.3}
    assert found.find("part", "speed") == figures[0]
    assert found.find("part", "speeds") is None
    assert found.find("parts", "speed") is None


def test_the_file_is_plain_json_with_values_and_spread(tmp_path):
    figures = [once("nothing", math.nan), Figure("speed", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))]
    Run({}, {}, {"part": figures}, {"part": 1.0}).write(tmp_path / "run.json")

    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads((tmp_path / "run.json").read_text(), parse_constant=refuse)
    nothing, speed = content["parts"]["part"]["figures"]
    assert (nothing["value"], nothing["spread"]) == (None, None)
    assert (speed["value"], speed["spread"], speed["values"]) == (3.5, [1, 6], [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{}",
        '{"machine": {}, "options": {}, "parts": {"a": []}}',
        '{"machine": {}, "options": {}, "parts": {"a": {"took": 1, "figures": [{"name": "b"}]}}}',
        '{"machine": {}, "options": {}, "parts": {"a": {"took": 1, "figures": 3}}}',
        "[" * 100_000,
    ],
)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"run\.json is no earlier run of the benchmark \(.+\); make one with"):
        Run.read(path)

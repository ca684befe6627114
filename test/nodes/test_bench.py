"""`make bench`, whose parts need ROS: that it can be started, and that a run can be compared with an earlier one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from run import main

from bench_run import Run
from figures import Figure

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
        try:
            status = main()
        except SystemExit as ended:
            status = ended.code
        return status, capsys.readouterr()

    return run


def test_the_parts_are_listed_with_how_long_they_take(bench):
    status, said = bench("--list")
    assert (status, said.err) == (0, "")
    rows = [line.split("│") for line in said.out.splitlines() if line.startswith("│")]
    named = {cells[1].strip(): cells[3].strip() for cells in rows if cells[1].strip()}
    assert {"host-time", "many-cameras", "jitter", "lost-frames", "all"} <= named.keys()
    assert all(length.endswith((" s", " min")) for length in named.values())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["host-tme"], "there is no part 'host-tme'; choose from host-time, peers-ways,"),
        (["host-time", "--plot", "a.png"], "--plot draws what many-cameras measures; add that part"),
        (["--seconds", "0"], "--seconds, --minutes and --times must be above 0"),
        (["--against", "no_such.json"], "no_such.json is no earlier run of the benchmark (No such file or directory);"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(bench, arguments, why):
    status, said = bench(*arguments)
    assert status == 2
    assert why in said.err
    assert said.out == ""


def test_one_part_is_measured_and_compared_with_an_earlier_run(tmp_path):
    """As `make bench` does it, in a process of its own."""
    path, earlier = tmp_path / "now.json", tmp_path / "earlier.json"
    before = Figure("encoder-decoder: whole window encoded / step", (1000.0,))
    Run({"cpu": "abacus"}, {}, {"encoder-decoder": [before]}, {"encoder-decoder": 1.0}).write(earlier)
    command = [sys.executable, BENCHMARKS / "run.py", "encoder-decoder", "--seconds", "0.1"]
    done = subprocess.run([*command, "--json", path, "--against", earlier], capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stderr) == (0, "")
    assert "encoder-decoder, 1 of 1: " in done.stdout
    assert "The earlier run was on another machine (cpu: abacus); compare ratios only." in done.stdout
    assert "/ earlier" in done.stdout  # as a column
    run = json.loads(path.read_text())
    [(part, measured)] = run["parts"].items()
    assert part == "encoder-decoder"
    assert measured["took"] > 0
    assert measured["figures"][0]["name"] == before.name
    assert all(figure["value"] > 0 and figure["values"] for figure in measured["figures"])
    assert {"cpu", "cores", "commit", "versions"} <= run["machine"].keys()

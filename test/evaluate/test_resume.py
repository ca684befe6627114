"""A run that ends early: what it leaves, and how the next goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bags import contents, series, values_of, write_bag
from full_disk import room_for
from small_networks import encoder_decoder
from waiting import WAIT, wait_until

from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.errors import HarError
from har_ros.evaluate import job, results
from har_ros.evaluate.evaluation import Evaluated
from har_ros.evaluate.job import PARTS
from har_ros.evaluate.networks import EvaluatedNetworks
from har_ros.evaluate.plan import Job, Plan
from har_ros.files.results_folder import reserved
from har_ros.networks.clip import ClipNetwork
from har_ros.pipeline.opening import open_recognizer
from har_ros.workers.workers import StoppedError


def interrupt(one, plan, networks, header, images):
    """Evaluate a recording until so many images are taken."""
    left = iter(range(images))
    with pytest.raises(StoppedError):
        job.run(one, plan, networks, header, lambda progress: None, lambda: next(left, None) is None)


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
    with open_recognizer(plan.values) as recognizer, EvaluatedNetworks(plan.values, recognizer) as networks:
        header = job.header_of(recognizer, plan)
        runs.clear()
        key = job.run(one, whole, networks, header, lambda progress: None)
        expected = len(runs)
        for images in (20, 70):
            interrupt(one, plan, networks, header, images)
        assert job.run(one, plan, networks, header, lambda progress: None) == key
        assert len(runs) == 2 * expected  # none twice
        shown = []
        assert job.run(one, plan, networks, header, shown.append) == key
        assert not shown  # it was complete
    for name in (f"{job.PARTS}/{key}.jsonl", f"{job.PARTS}/{key}.json", "annotated/one/one.mcap"):
        assert (plan.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_network_with_a_memory_begins_an_interrupted_recording_anew(bags, tmp_path):
    card, _, _ = encoder_decoder(tmp_path)
    values = node_parameters(given=[f"model:={card}", "backend:=openvino"])
    one, parts = Job("one", bags[0]), []
    with open_recognizer(values) as recognizer, EvaluatedNetworks(values, recognizer) as networks:
        for folder, interrupted in (("whole", False), ("resumed", True)):
            plan = Plan(values, tmp_path / folder)
            header = job.header_of(recognizer, plan)
            if interrupted:
                interrupt(one, plan, networks, header, 70)
            key = job.run(one, plan, networks, header, lambda progress: None)
            parts.append((plan.folder / job.PARTS / f"{key}.jsonl").read_text())
    assert parts[0] == parts[1]
    assert len(parts[0].splitlines()) == 114


def test_answers_of_a_run_that_was_killed_while_writing(bags, plan):
    """The file may end anywhere, also within an answer."""
    one = Job("one", bags[0])
    with open_recognizer(plan.values) as recognizer, EvaluatedNetworks(plan.values, recognizer) as networks:
        header = job.header_of(recognizer, plan)
        key = job.run(one, plan, networks, header, lambda progress: None)
        part = plan.folder / job.PARTS / f"{key}.jsonl"
        expected = part.read_bytes()
        (plan.folder / job.PARTS / f"{key}.json").unlink()
        answers = plan.folder / job.PARTS / f"{key}.answers"
        given = answers.read_bytes()
        os.truncate(answers, 16 * 30 + 7)
        job.run(one, plan, networks, header, lambda progress: None)
    assert part.read_bytes() == expected
    assert answers.read_bytes() == given


def test_two_evaluations_do_not_write_into_one_folder(evaluate, tmp_path, capsys):
    folder = tmp_path / "results"
    with reserved(folder):
        evaluate(status=1)
    assert f"another process is at work in {folder}; wait for it" in capsys.readouterr().err
    assert not list(folder.iterdir())
    evaluate()


def test_a_run_that_was_killed_behind_its_last_work_leaves_nothing(evaluate, bags):
    """The predictions come last: a run that finds them has all that it needs."""
    folder = evaluate(recordings=bags[:1])
    (folder / job.PARTS).mkdir()
    (folder / results.PREDICTIONS).unlink()
    (folder / results.TIMING).write_text("{}")
    evaluate(recordings=bags[:1])
    (folder / job.PARTS).mkdir()
    evaluate(recordings=bags[:1])
    assert not (folder / job.PARTS).exists()


def with_answers(folder):
    """The recordings of which something is answered."""
    return [path for path in folder.glob(f"{job.PARTS}/*.answers") if path.stat().st_size]


def test_processes_end_with_one_that_is_killed(brightness_card, tmp_path):
    """They would write the same files as the next run."""
    recordings = [write_bag(tmp_path / name, series(values_of(7, 4000))) for name in ("a", "b")]
    command = [
        str(Path(sys.executable).with_name("actionnet")),
        "evaluate",
        *map(str, recordings),
        "-o",
        tmp_path / "o",
    ]
    command += ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "--jobs", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        wait_until(lambda: process.poll() is not None or len(with_answers(tmp_path / "o")) == 2)
        assert process.poll() is None
        process.kill()
        process.communicate(timeout=WAIT)  # which ends when the last of them has closed its output


@pytest.mark.parametrize(("number", "processes"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_ctrl_c_keeps_what_is_done(brightness_card, tmp_path, number, processes):
    """Two cores run this network many thousand times a second, so the bags are long."""
    recordings = [write_bag(tmp_path / name, series(values_of(7, 4000))) for name in ("a", "b")]
    command = [str(Path(sys.executable).with_name("actionnet")), "evaluate", *map(str, recordings)]
    command += ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "--jobs", str(processes)]
    folder = tmp_path / "interrupted"
    with subprocess.Popen([*command, "-o", folder], stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: process.poll() is not None or with_answers(folder))
        assert process.poll() is None
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(timeout=WAIT) == 128 + number
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    assert not (folder / results.PREDICTIONS).exists()
    subprocess.run([*command, "-o", folder], check=True, capture_output=True)
    subprocess.run([*command, "-o", tmp_path / "whole"], check=True, capture_output=True)
    assert contents(folder) == contents(tmp_path / "whole")


def test_of_a_part_from_elsewhere_nothing_half_written_stays(tmp_path):
    """Else the next run would take it for done."""
    path = Path(PARTS, "0123.json")
    with pytest.raises(HarError, match="File too large"), room_for(10):
        Evaluated("0123", {path: b"x" * 100}).write(tmp_path)
    assert not list((tmp_path / PARTS).iterdir())
    Evaluated("0123", {path: b"x"}).write(tmp_path)
    assert (tmp_path / path).read_bytes() == b"x"

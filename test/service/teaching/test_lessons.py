"""Checks and trainings over HTTP, and the networks that come of them."""

import argparse
import html
import io
import json
import os
import re
import shlex
import zipfile
from contextlib import aclosing, closing
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from served import run
from waiting import wait_until

from har_ros.models.locate import find_model
from har_ros.service.following import Following
from har_ros.service.guard import Guard
from har_ros.service.pages.render import page
from har_ros.service.teaching.lessons import Lesson
from har_ros.service.teaching.routes import follow_lesson
from har_ros.service.teaching.teacher import Reports, work


def ended(client, address):
    wait_until(lambda: client.get(address).json()["ended"] is not None)
    return client.get(address).json()


def test_the_check_says_what_does_not_fit_without_paths_of_the_server(
    models, given_datasets, module_cache, tmp_path, monkeypatch
):
    monkeypatch.chdir(models)
    dataset = given_datasets / "colours"
    options = argparse.Namespace(dataset=dataset, output=None, model="tiny", person="", background="", mirror=True)
    with (tmp_path / "said").open("w+") as file:
        reports = Reports(os.dup(file.fileno()), [])
        result = work(options, reports)
        reports.send(result=result)
        file.seek(0)
        said = [json.loads(line) for line in file]
    assert result["classes"] == [{"label": label, "clips": 3} for label in ("blue", "red", "none")]
    found = " ".join(said[-1]["result"]["findings"])
    assert "red/g0/damaged.avi" in found
    assert "red has 3 clips; give 5 or more" in found
    assert {"doing": "looking at recordings", "done": 10, "total": 10} in said
    assert str(given_datasets) not in json.dumps(said)


def test_a_network_is_taught_followed_named_and_downloaded(client, tmp_path):
    address = "/v1/datasets/colours"
    started = client.post(f"{address}/training", json={"model": "tiny", "name": "my colours"})
    assert started.status_code == 202, started.text
    assert client.post(f"{address}/check", json={"model": "tiny"}).status_code == 409
    for erased in ("", "/classes/red", f"/classes/red/clips/{'0' * 16}"):
        answer = client.delete(address + erased)
        assert (answer.status_code, "the training of colours reads its clips" in answer.text) == (409, True)
    with client.stream("GET", f"{address}/training/events") as answer:
        said = [json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:")]
    assert said[-1]["state"] == "done", said[-1]
    log = [line for one in said for line in one["log"]]
    assert len(log) == said[-1]["said"]
    assert any("recordings" in line for line in log)
    assert set(said[-1]["result"]["accuracy"]) == {"value", "low", "high"}
    assert "my colours" in {model["name"] for model in client.get("/v1/models").json()}
    report = client.get("/v1/models/my colours/report")
    assert "<td>colours</td>" in report.text  # the dataset, without its folder
    assert "sandbox" in report.headers["content-security-policy"]
    assert "<h1" in report.text
    archive = zipfile.ZipFile(io.BytesIO(client.get("/v1/models/my colours/archive").content))
    archive.extractall(tmp_path)
    assert find_model(str(tmp_path / "my colours")).labels() == ("blue", "red", "none")
    assert client.post(f"{address}/training", json={"model": "tiny", "name": "MY colours"}).status_code == 409
    assert client.post(f"{address}/training", json={"model": "tiny", "name": "another"}).status_code == 202
    assert client.delete(f"{address}/training").status_code == 204
    page = client.get("/teach/colours").text
    assert "The training was cancelled" in page
    earlier = page[page.index("Networks taught before") :]
    assert "with 9 clips of colours" in earlier
    assert f"{said[-1]['result']['accuracy']['value']:.2f}" in earlier
    assert "my%20colours/archive" in earlier
    assert "with 9 clips of colours" in client.get("/teach").text
    assert client.delete("/v1/models/my colours").status_code == 204
    assert "my colours" not in {model["name"] for model in client.get("/v1/models").json()}


@pytest.mark.parametrize(
    ("persons", "robot", "file"),
    [
        (False, ("model:=NEW",), ("--model", "NEW")),
        (
            True,
            ("persons:=true", "model:=none", "persons_model:=NEW"),
            ("--persons", "--model", "none", "--persons-model", "NEW"),
        ),
    ],
)
def test_the_page_says_how_a_network_is_run(persons, robot, file):
    """One of skeletons runs alone: that for whole images would take most of the time, and may not be there."""
    figure = {"value": 0.9, "low": 0.8, "high": 1.0}
    result = {
        "clips": 9,
        "groups": 3,
        "accuracy": figure,
        "validation": "",
        "doubt": "",
        "advice": [],
        "persons": persons,
    }
    result["classes"] = [{"label": "red", "clips": 9, "groups": 3, "f1": figure}]
    lesson = Lesson("mine", "training", {}, "NEW", state="done", result=result)
    request = SimpleNamespace(
        app=SimpleNamespace(state=SimpleNamespace(guard=Guard("127.0.0.1", ""))), url=httpx.URL("/")
    )
    shown = page(request, "lessons.html", check=None, training=lesson, there=True, earlier=[]).body.decode()
    commands = [
        shlex.split(html.unescape(text).replace("$PWD/", "")) for text in re.findall('class="command">(.*)<', shown)
    ]
    launch, actionnet = commands
    assert launch == ["ros2", "launch", "har_ros", "actionnet.launch.py", *robot, "image_topics:=[/cam01/image_raw]"]
    assert actionnet == ["actionnet", "input.mp4", "output.mp4", *file]


def test_who_follows_the_next_training_hears_nothing_of_the_one_before():
    first, second = (Lesson("mine", "training", {}, "mine", started=started) for started in (1.0, 2.0))

    async def follow():
        with closing(Following()) as followed:
            before, after = (follow_lesson(followed, lesson) for lesson in (first, second))
            said = [(await anext(before)).data.state]
            first.end("cancelled")
            async with aclosing(after):
                said.append((await anext(after)).data.state)
            return said, [one.data.state async for one in before]

    assert run(follow()) == (["running", "running"], ["cancelled"])


def test_a_training_that_is_cancelled_leaves_no_network(client, folder):
    address, before = "/v1/datasets/colours", sorted((folder / "models").iterdir())
    assert client.post(f"{address}/training", json={"model": "tiny"}).json()["network"] == "colours"
    assert client.delete(f"{address}/training").status_code == 204
    assert client.get(f"{address}/training").json()["state"] == "cancelled"
    assert sorted((folder / "models").iterdir()) == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "nothing like it"}, "to build on"),
        ({"model": "tiny", "person": "all"}, "whole images"),
        ({"model": "tiny", "name": "../x"}, "cannot be called"),
        ({"model": "tiny", "name": "everyday-14"}, "already"),
        ({"model": "/etc/passwd"}, "to build on"),
        ({"model": "everyday-14"}, "is not there; run: actionnet models fetch movenet-multipose"),
        ({"speed": 3}, "speed"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(client, given, said):
    answer = client.post("/v1/datasets/colours/training", json=given)
    assert answer.status_code in (409, 422)
    assert said in answer.json()["detail"]


def test_a_check_that_cannot_be_done_says_why(client, dataset, folder):
    assert client.get(f"{dataset}/check").status_code == 404
    assert client.post(f"{dataset}/check", json={"model": "tiny"}).status_code == 202
    lesson = ended(client, f"{dataset}/check")
    assert lesson["state"] == "failed"
    assert "wave has no videos" in lesson["error"]
    assert str(folder) not in json.dumps(lesson)


def test_a_dataset_that_is_made_again_has_no_old_check(client, dataset):
    assert client.post(f"{dataset}/check", json={"model": "tiny"}).status_code == 202
    ended(client, f"{dataset}/check")
    assert client.delete(dataset).status_code == 204
    assert client.post("/v1/datasets", json={"name": "mine"}).status_code == 201
    assert client.get(f"{dataset}/check").status_code == 404


def test_a_training_that_the_server_did_not_see_the_end_of_says_so_and_leaves_no_network(
    serve, tmp_path, given_datasets
):
    address, file = "/v1/datasets/colours/training", tmp_path / "lessons" / "colours" / "training.json"
    with serve(tmp_path, given_datasets) as client:
        assert client.post(address, json={"model": "tiny"}).status_code == 202
        killed = file.read_text()
    assert json.loads(killed)["state"] == "running"
    ended_with_it = json.loads(file.read_text())
    file.write_text(killed)  # as kill -9 leaves it
    (tmp_path / "models" / ".colours.part").mkdir()
    with serve(tmp_path, given_datasets) as client:
        left = client.get(address).json()
    for lesson in (ended_with_it, left):
        assert (lesson["state"], "start it again" in lesson["error"]) == ("failed", True)
    assert list((tmp_path / "models").iterdir()) == []

"""Teaching over HTTP: a real application, real processes, and a small network."""

import argparse
import io
import json
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

import cv2
import numpy as np
import pytest
from clips import moving, write_dataset, write_video
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi import HTTPException
from fastapi.testclient import TestClient

from har_ros.models.locate import find_model
from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings
from har_ros.service.teaching import state
from har_ros.service.teaching.datasets import checked_name, file_name
from har_ros.service.teaching.teacher import Reports, work

WAIT = 120
"""Seconds for what takes a few on a machine that is not busy."""
NAMES = st.one_of(
    st.text(),
    st.sampled_from([".", "..", "../x", "..\\x", "a/b", "/etc", "nul", "COM1.txt", "a\0b", "a" * 300, "a ", " a", ""]),
)


@pytest.fixture(scope="module")
def given_datasets(tmp_path_factory):
    """A folder of the server with a dataset of red, blue and none."""
    folder = tmp_path_factory.mktemp("datasets")
    write_dataset(folder / "colours", groups=3, each=1)
    (folder / "colours" / "red" / "g0" / "damaged.avi").write_bytes(b"RIFF" + bytes(100))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("service")


@contextmanager
def running(folder, models, given_datasets, **more):
    settings = ServiceSettings(models, workers=0, datasets=given_datasets, most_bytes=50_000_000, **more)
    app = application(folder, settings, Guard("127.0.0.1", ""))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.fixture(scope="module")
def client(folder, models, given_datasets, module_cache):
    with running(folder, models, given_datasets) as client:
        yield client


@pytest.fixture
def dataset(client):
    """The address of an empty dataset with the class wave."""
    assert client.post("/v1/datasets", json={"name": "mine"}).status_code == 201
    assert client.post("/v1/datasets/mine/classes", json={"name": "wave"}).status_code == 201
    yield "/v1/datasets/mine"
    client.delete("/v1/datasets/mine")


@pytest.fixture(scope="module")
def disc(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "disc.avi", moving(frames=16)).read_bytes()


def send(client, dataset, content, name="disc.avi", label="wave", **form):
    return client.post(f"{dataset}/classes/{label}/clips", files={"video": (name, content)}, data=form)


def ended(client, address):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        lesson = client.get(address).json()
        if lesson["ended"] is not None:
            return lesson
        time.sleep(0.05)
    raise AssertionError(f"it does not end: {lesson}")


@given(NAMES)
@example("wave\u0000")
@example("\u202eevil")
@example("\ud800")
@example("ﬁ..")
def test_a_name_is_that_of_a_folder_within_another_or_is_refused(name):
    try:
        found = checked_name("a class", name)
    except HTTPException as error:
        assert error.status_code == 422
        return
    place = Path("/a/b")
    assert (place / found).resolve().parent == place
    assert PureWindowsPath(found).name == found
    assert not PureWindowsPath(found).is_reserved()
    assert not set(found) & set('<>:"|?*/\\\0')
    assert found == found.strip(" .")
    assert len(f".{found}.12345678.part".encode()) <= 255
    assert checked_name("a class", found) == found


@given(st.one_of(st.text(), st.binary().map(lambda name: name.decode(errors="surrogateescape")), NAMES))
def test_a_clip_has_a_safe_name_whatever_its_file_was_called(name):
    found = file_name(name)
    assert Path(found).name == found
    assert found not in (".", "..")
    assert 0 < len(f"{found}-12.mp4".encode()) <= 255


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "..\\x", "a\0", "\ud800", "", "x" * 5000, "nul", "a\n"])
def test_names_that_are_no_folders_make_nothing(client, dataset, folder, disc, name):
    before = sorted(folder.rglob("*"))
    for address in ("/v1/datasets", f"{dataset}/classes"):
        answer = client.post(address, content=json.dumps({"name": name}), headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
    if name.isprintable() and name:
        assert send(client, dataset, disc, group=name).status_code == 422
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["Türme", "挥手", "no fight (2)", "none"])
def test_names_of_any_language_are_taken(client, name):
    answer = client.post("/v1/datasets", json={"name": name})
    assert answer.status_code == 201
    assert client.get(answer.headers["location"]).json()["name"] == name
    assert client.post("/v1/datasets", json={"name": name.upper()}).status_code == 409
    assert client.delete(answer.headers["location"]).status_code == 204


def test_a_clip_is_taken_in_shown_and_erased(client, dataset, disc, folder):
    answer = send(client, dataset, disc, "..\\..\\C:\\Users\\ann<b>.avi", group="Ann")
    assert answer.status_code == 201, answer.text
    clip = answer.json()
    assert clip["name"] == "Ann/ann_b_.mp4"
    [listed] = client.get(f"{dataset}/classes/wave/clips").json()
    assert listed == clip
    address = f"{dataset}/classes/wave/clips/{clip['id']}"
    picture = cv2.imdecode(np.frombuffer(client.get(f"{address}/picture").content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (48, 48, 3)
    assert client.get(f"{address}/video").headers["content-type"] == "video/mp4"
    again = send(client, dataset, disc, "ann<b>.avi", group="Ann").json()
    assert again["name"] == "Ann/ann_b_-2.mp4"
    assert client.delete(address).status_code == 204
    assert client.get(f"{address}/picture").status_code == 404
    [left] = client.get(dataset).json()["classes"]
    assert left == {"name": "wave", "clips": 1, "groups": 1}


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("a.txt", b"x", 415, "is no video"),
        ("a.mp4", b"no video at all", 422, "cannot be opened as a video"),
        ("", b"x", 422, "video"),
    ],
)
def test_what_is_no_clip_is_refused_and_leaves_nothing(client, dataset, folder, name, content, status, said):
    answer = send(client, dataset, content, name)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert str(folder) not in answer.text
    assert client.get(f"{dataset}/classes/wave/clips").json() == []
    assert not [path for name in ("datasets", "lessons") for path in folder.glob(f"{name}/mine/**/*") if path.is_file()]


def unread():
    raise AssertionError("the body is read")
    yield b""


@pytest.mark.parametrize(
    ("dataset", "label", "status"), [("none", "wave", 404), ("mine", "none", 404), ("colours", "red", 409)]
)
@pytest.mark.usefixtures("dataset")
def test_a_clip_that_no_class_takes_is_refused_unread(client, dataset, label, status):
    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "40000000"}
    address = f"/v1/datasets/{dataset}/classes/{label}/clips"
    assert client.post(address, headers=headers, content=unread()).status_code == status


def test_a_clip_for_which_there_is_no_room_is_refused_unread(tmp_path, models):
    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "40000000"}
    with running(tmp_path, models, None, disk=10_000_000) as client:
        client.post("/v1/datasets", json={"name": "mine"})
        client.post("/v1/datasets/mine/classes", json={"name": "wave"})
        answer = client.post("/v1/datasets/mine/classes/wave/clips", headers=headers, content=unread())
    assert answer.status_code == 507


@pytest.mark.parametrize(
    ("files", "form"),
    [
        ([("video", ("a.avi", b"x")), ("video", ("b.avi", b"x"))], {}),
        ([("video", ("a.avi", b"x"))], {"group": "x", "more": "x"}),
        ([("group", ("a", b"x"))], {}),
        ([], {"group": "x"}),
    ],
)
def test_a_form_that_is_no_clip_is_refused(client, dataset, files, form):
    answer = client.post(f"{dataset}/classes/wave/clips", files=files, data=form)
    assert answer.status_code in (400, 422)
    assert client.get(f"{dataset}/classes/wave/clips").json() == []


@pytest.mark.parametrize("address", ["%2e%2e", "..%2f..", "none", "a%00b", "%ff", "x" * 5000])
@pytest.mark.parametrize("form", ["{}", "mine/classes/{}", "mine/classes/{}/clips", "mine/classes/wave/clips/{}"])
def test_addresses_of_what_is_not_there_change_nothing(client, dataset, folder, address, form):
    before = sorted(folder.rglob("*"))
    assert client.delete(f"/v1/datasets/{form.format(address)}").status_code in (404, 405, 422)
    assert client.get(f"/v1/models/{address}/report").status_code == 404
    assert client.delete(f"/v1/models/{address}").status_code in (404, 405)
    assert sorted(folder.rglob("*")) == before


def test_a_folder_of_the_server_is_read_and_never_changed(client, given_datasets):
    address = "/v1/datasets/colours"
    before = sorted((path, path.stat().st_mtime_ns) for path in given_datasets.rglob("*"))
    assert client.get(address).json()["own"] is False
    clips = client.get(f"{address}/classes/red/clips").json()
    assert {clip["name"] for clip in clips} >= {"g0/0.avi", "g0/damaged.avi"}
    pictures = {clip["name"]: client.get(f"{address}/classes/red/clips/{clip['id']}/picture") for clip in clips}
    assert pictures["g0/0.avi"].headers["content-type"] == "image/jpeg"
    assert pictures["g0/damaged.avi"].status_code == 422
    assert str(given_datasets) not in pictures["g0/damaged.avi"].text
    for method, path in (
        ("DELETE", ""),
        ("DELETE", "/classes/red"),
        ("DELETE", f"/classes/red/clips/{clips[0]['id']}"),
    ):
        assert client.request(method, address + path).status_code == 409
    assert client.post(f"{address}/classes", json={"name": "new"}).status_code == 409
    assert send(client, address, b"x", label="red").status_code == 409
    assert sorted((path, path.stat().st_mtime_ns) for path in given_datasets.rglob("*")) == before


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


def test_of_two_who_make_the_same_class_at_once_one_is_refused(client, dataset):
    def add(name):
        return client.post(f"{dataset}/classes", json={"name": name}).status_code

    for number in range(5):
        names = [f"jump {number}", f"JUMP {number}"] * 4
        with ThreadPoolExecutor(len(names)) as pool:
            answers = list(pool.map(add, names))
        assert sorted(answers) == [201] + [409] * 7
    assert len(client.get(dataset).json()["classes"]) == 6


def test_a_training_that_the_server_did_not_see_the_end_of_says_so_and_leaves_no_network(
    tmp_path, models, given_datasets, module_cache
):
    address, file = "/v1/datasets/colours/training", tmp_path / "lessons" / "colours" / "training.json"
    with running(tmp_path, models, given_datasets) as client:
        assert client.post(address, json={"model": "tiny"}).status_code == 202
        killed = file.read_text()
    assert json.loads(killed)["state"] == "running"
    ended_with_it = json.loads(file.read_text())
    file.write_text(killed)  # as kill -9 leaves it
    (tmp_path / "models" / ".colours.part").mkdir()
    with running(tmp_path, models, given_datasets) as client:
        left = client.get(address).json()
    for lesson in (ended_with_it, left):
        assert (lesson["state"], "start it again" in lesson["error"]) == ("failed", True)
    assert list((tmp_path / "models").iterdir()) == []


def test_clips_that_wait_to_be_decoded_do_not_keep_others_from_being_answered(tmp_path, models, disc, monkeypatch):
    monkeypatch.setattr(state, "AT_MOST", 0)
    with running(tmp_path, models, None) as client:
        client.post("/v1/datasets", json={"name": "mine"})
        client.post("/v1/datasets/mine/classes", json={"name": "wave"})
        answer = send(client, "/v1/datasets/mine", disc, "disc.mp4")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "try again later" in answer.json()["detail"]
        assert client.get("/v1/datasets/mine").json()["classes"] == [{"name": "wave", "clips": 0, "groups": 0}]

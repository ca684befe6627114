"""Datasets, classes and clips over HTTP: what is taken in, and what is refused."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from clips import moving, write_video

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")

from har_ros.learning.class_folders import class_folders
from har_ros.service import decoding
from har_ros.service.teaching import datasets


@pytest.fixture(scope="module")
def disc(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "disc.avi", moving(frames=16)).read_bytes()


def send(client, dataset, content, name="disc.avi", label="wave", **form):
    return client.post(f"{dataset}/classes/{label}/clips", files={"video": (name, content)}, data=form)


def written(folder):
    """What there is, but for SQLite's own files, which come and go."""
    return sorted(path for path in folder.rglob("*") if not path.name.startswith("jobs.sqlite-"))


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "..\\x", "a\0", "\ud800", "", "x" * 5000, "nul", "a\n"])
def test_names_that_are_no_folders_make_nothing(client, dataset, folder, disc, name):
    before = written(folder)
    for address in ("/v1/datasets", f"{dataset}/classes"):
        answer = client.post(address, content=json.dumps({"name": name}), headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
    if name.isprintable() and name:
        assert send(client, dataset, disc, group=name).status_code == 422
    assert written(folder) == before


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


def test_clips_without_a_group_are_groups_of_their_own_in_all_classes(client, dataset, disc):
    client.post(f"{dataset}/classes", json={"name": "calm"})
    sent = [send(client, dataset, disc, "001.avi", label).json() for label in ("wave", "calm", "calm")]
    assert [clip["name"] for clip in sent] == ["001/001.mp4", "001-2/001-2.mp4", "001-3/001-3.mp4"]
    assert [clip["group"] for clip in sent] == ["001", "001-2", "001-3"]
    shared = [send(client, dataset, disc, "001.avi", label, group="Ann").json() for label in ("wave", "calm")]
    assert [clip["name"] for clip in shared] == ["Ann/001.mp4", "Ann/001.mp4"]
    assert send(client, dataset, disc, "Ann.avi").json()["group"] == "Ann-2"


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


def test_a_clip_for_which_there_is_no_room_is_refused_unread(serve, tmp_path):
    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "40000000"}
    with serve(tmp_path, None, disk=10_000_000) as client:
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
    before = written(folder)
    assert client.delete(f"/v1/datasets/{form.format(address)}").status_code in (404, 405, 422)
    assert client.get(f"/v1/models/{address}/report").status_code == 404
    assert client.delete(f"/v1/models/{address}").status_code in (404, 405)
    assert written(folder) == before


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


def test_what_cannot_be_named_is_left_out_and_what_is_no_file_is_not_there(serve, tmp_path):
    place = tmp_path / "given" / "odd" / "red"
    (place / "folder.mp4").mkdir(parents=True)
    (place.parent / os.fsdecode(b"bad\xff")).mkdir()
    (place / "link.mp4").symlink_to("nothing")
    os.mkfifo(place / "pipe.mp4")
    (place / os.fsdecode(b"bad\xff.mp4")).touch()
    (place / os.fsdecode(b"\xff")).mkdir()
    (place / os.fsdecode(b"\xff") / "a.mp4").touch()
    with serve(tmp_path / "service", tmp_path / "given") as client:
        [red] = client.get("/v1/datasets/odd").json()["classes"]
        assert red == {"name": "red", "clips": 3, "groups": 3}
        assert client.get("/teach/odd").status_code == 200
        clips = client.get("/v1/datasets/odd/classes/red/clips").json()
        assert [clip["name"] for clip in clips] == ["folder.mp4", "link.mp4", "pipe.mp4"]
        for clip in clips:
            for what in ("video", "picture"):
                assert client.get(f"/v1/datasets/odd/classes/red/clips/{clip['id']}/{what}").status_code == 404


def test_a_clip_whose_dataset_is_erased_while_it_is_decoded_is_not_found(client, dataset, disc, monkeypatch):
    def look(*_, **__):
        assert client.delete(dataset).status_code == 204
        return "it cannot be opened as a video"

    monkeypatch.setattr(decoding.Decoding, "look", look)
    assert send(client, dataset, disc, "disc.mp4").status_code == 404


def test_of_those_who_make_the_same_class_at_once_all_but_one_are_refused(client, dataset, monkeypatch):
    def slow(folder):
        found = class_folders(folder)
        time.sleep(0.05)  # a disk that leaves time for others
        return found

    def add(name):
        return client.post(f"{dataset}/classes", json={"name": name}).status_code

    monkeypatch.setattr(datasets, "class_folders", slow)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, ["jump", "JUMP", "Jump", "jumP"])) == [201, 409, 409, 409]


def test_clips_that_wait_to_be_decoded_do_not_keep_others_from_being_answered(serve, tmp_path, disc, monkeypatch):
    monkeypatch.setattr(decoding, "AT_MOST", 0)
    with serve(tmp_path, None) as client:
        client.post("/v1/datasets", json={"name": "mine"})
        client.post("/v1/datasets/mine/classes", json={"name": "wave"})
        answer = send(client, "/v1/datasets/mine", disc, "disc.mp4")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "try again later" in answer.json()["detail"]
        assert client.get("/v1/datasets/mine").json()["classes"] == [{"name": "wave", "clips": 0, "groups": 0}]

"""What the service refuses, in a sentence."""

from http import HTTPStatus
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import running, send

from har_ros.commands.main import main
from har_ros.service import room
from har_ros.service.jobs import service as jobs_service


@pytest.fixture(scope="module")
def client(tmp_path_factory, models):
    with running(tmp_path_factory.mktemp("service"), models, workers=0) as client:
        yield client


def test_there_is_room_only_for_what_the_disk_may_keep(tmp_path, models, video, monkeypatch):
    monkeypatch.setattr(room, "FRESH", 0.0)
    with running(tmp_path, models, workers=0, disk=1_000_000) as client:
        number = send(client, video).json()["id"]
        upload = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000000", "Upload-Metadata": "filename YS5tcDQ="}
        assert client.post("/v1/uploads", headers=upload).status_code == 507
        (client.app.state.service.folder.of(number) / "video.mp4").write_bytes(bytes(1_000_000))
        assert "that are left of 1,000,000; erase jobs" in send(client, video, status=507).json()["detail"]
        client.delete(f"/v1/jobs/{number}")
        send(client, video)


def test_nobody_has_all_places_of_the_queue(tmp_path, models, video, monkeypatch):
    monkeypatch.setattr(jobs_service, "MOST_OF_ONE", 1)
    with running(tmp_path, models, workers=0) as client:
        send(client, video)
        assert "jobs of yours wait" in send(client, video, status=429).json()["detail"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{", "options is no JSON"),
        ("[1]", "options is no JSON object"),
        ('{"treshold": 1}', "did you mean threshold"),
        ('{"labels": "/etc/passwd"}', "parameter 'labels' is unknown"),
        ('{"model": "/etc"}', "there is no model '/etc' here"),
        ('{"model": []}', "there is no model [] here"),
        (f'{{"threshold": {"1" * 400}}}', "parameter threshold is"),
        ('{"\\ud800": 1}', "no option is called"),
        ('{"threshold": 7}', "parameter threshold is 7.0; give a number"),
        ('{"event_start": 0.2, "event_end": 0.5}', "event_end is 0.5, above event_start"),
        ('{"allowed_labels": ["nonsense"]}', "nonsense"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(client, video, options, said):
    with video.open("rb") as file:
        answer = client.post("/v1/jobs", files={"video": ("a.mp4", file)}, data={"options": options})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert said in answer.json()["detail"]


def test_wrong_requests_are_refused_in_a_sentence(client, video):
    assert send(client, Path(__file__), status=415).json()["detail"].startswith("test_service.py is no video")
    large = client.post("/v1/jobs", headers={"Content-Length": "60000000"}, content=b"")
    assert (large.status_code, large.json()["title"]) == (413, HTTPStatus(413).phrase)
    assert client.post("/v1/jobs", content=iter([b"x"])).status_code == 411
    assert client.post("/v1/jobs", content=b"x", headers={"Transfer-Encoding": "chunked"}).status_code == 411
    assert "form field video" in client.post("/v1/jobs", data={"options": "{}"}).json()["detail"]
    assert client.get("/v1/jobs/nothing/events").status_code == 404


def test_a_folder_with_other_things_is_refused_and_kept(tmp_path, capsys):
    (tmp_path / "jobs" / "mine").mkdir(parents=True)
    assert main(["serve", "--port", "0", "--folder", str(tmp_path)]) == 1
    assert "holds other things than jobs" in capsys.readouterr().err
    assert (tmp_path / "jobs" / "mine").is_dir()

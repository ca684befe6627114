"""The Python client, with a real server on the loopback."""

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from chromium import serving
from clips import moving, write_video
from documents import blocks

from har_ros.errors import HarError
from har_ros.service import client as module
from har_ros.service.application import application
from har_ros.service.client import Client
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def address(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("service")
    with serving(
        application(folder, ServiceSettings(models, most_bytes=10_000_000), Guard("127.0.0.1", TOKEN))
    ) as address:
        yield address


@pytest.fixture
def client(address):
    with Client(address, TOKEN) as client:
        yield client


def test_a_job_from_its_video_to_its_results(client, video, tmp_path):
    said = []
    job = client.submit(video, model="tiny", threshold=0.0).wait(said.append)
    assert (said[-1]["state"], said[-1]["video"]) == ("done", video.name)
    result = job.result()
    assert len(result["windows"]) == 53
    assert job.windows(50)["windows"] == result["windows"][50:]
    job.download("video", tmp_path / "annotated.mp4")
    assert (tmp_path / "annotated.mp4").read_bytes()[4:8] == b"ftyp"
    job.download("actions.csv", str(tmp_path / "actions.csv"))
    assert (tmp_path / "actions.csv").read_text().startswith("start,end,label")
    assert client.job(job.id).state() in client.jobs()
    job.erase()
    with pytest.raises(HarError, match="there is no job"):
        job.state()


def test_the_documented_program_runs(address, video, tmp_path, monkeypatch):
    [program] = [block.text for block in blocks("python") if "har_ros.service.client" in block.text]
    here = program.replace('"http://127.0.0.1:8765"', f'"{address}", "{TOKEN}"')
    monkeypatch.chdir(tmp_path)
    exec(here.replace('"input.mp4"', f'"{video}", model="tiny"'), {})
    assert (tmp_path / "annotated.mp4").exists()


def test_a_clip_is_classified(client, video):
    assert client.classify(str(video), model="tiny", threshold=0.0)["windows"]
    assert client.jobs() == []


def test_what_a_server_says_is_an_error_in_its_words(client, address, video, tmp_path):
    with pytest.raises(HarError, match="did you mean threshold"):
        client.submit(video, treshold=0.3)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(HarError, match=r"bad.mp4 cannot be opened as a video"):
        client.submit(tmp_path / "bad.mp4", model="tiny")
    bad = client.submit(write_video(tmp_path / "small.avi", moving(frames=6)[:, :1, :1]), model="tiny")
    with pytest.raises(HarError, match="the video has images of 1x1, too small"):
        bad.wait()
    with pytest.raises(HarError, match="it has no results"):
        bad.download("video", tmp_path / "none.mp4")
    assert not (tmp_path / "none.mp4").exists()
    with Client(address, "wrong") as other, pytest.raises(HarError, match="the token is missing or wrong"):
        other.jobs()


def test_a_broken_connection_makes_no_second_job_and_waiting_outlasts_it(client, video, monkeypatch):
    request, broken = httpx.Client.request, []

    def shaky(self, method, path, **more):
        answer = request(self, method, path, **more)
        if broken.count(method) < 2:
            broken.append(method)
            raise httpx.ReadError("broken")
        return answer

    monkeypatch.setattr(httpx.Client, "request", shaky)
    job = client.submit(video, model="tiny").wait()
    assert sorted(broken) == ["GET", "GET", "POST", "POST"]
    assert [one["id"] for one in client.jobs() if one["video"] == video.name] == [job.id]


def test_a_server_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "OUTAGE", 0.0)
    with Client("http://127.0.0.1:9", timeout=1.0) as client, pytest.raises(HarError, match="does not answer"):
        client.job("1").wait()

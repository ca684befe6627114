"""Jobs of links: fetched by the worker, as the first step of the job."""

from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from clips import moving, tiny_in, write_video

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi.testclient import TestClient

from har_ros.service.application import application
from har_ros.service.folder import RESULT, ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.incoming.links import Links
from har_ros.service.incoming.uploads import Uploads
from har_ros.service.jobs.store import JobStore
from har_ros.service.jobs.worker import Worker, links_for
from har_ros.service.options import Models
from har_ros.service.room import NoRoomError
from har_ros.service.settings import ServiceSettings


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A web server with a video, and what is asked of it: (address, requests)."""
    folder, requests = tmp_path_factory.mktemp("site"), []
    write_video(folder / "disc.mp4", moving(frames=30))
    (folder / "watch").write_text("<html>no video</html>")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given):
            super().__init__(*given, directory=folder)

        def log_message(self, *_):
            requests.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://video.test:{server.server_port}", requests
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path):
    folder = ServiceFolder(tmp_path / "service")
    (folder.path / "jobs").mkdir(parents=True)
    return folder


@pytest.fixture
def store(folder):
    return JobStore(folder.jobs)


@pytest.fixture
def worker(folder, tmp_path):
    """A worker to which video.test is on the internet."""
    links = Links(10_000_000, resolve=lambda *_: ["127.0.0.1"], check=lambda *_: None)
    worker = Worker(folder, Models(tiny_in(tmp_path / "models")), 600.0, links)
    yield worker
    worker.close()


def queued(folder, store, link):
    job, _ = store.add(link.partition("?")[0], {"model": "tiny"}, link=link)
    folder.of(job.id).mkdir()
    store.enqueue(job.id)
    return job.id


def test_a_worker_fetches_the_video_and_says_nothing_of_the_query(folder, store, worker, site):
    address, requests = site
    number = queued(folder, store, f"{address}/disc.mp4?key=secret")
    assert worker.run_one()
    job = store.get(number)
    assert (job.state, job.done, job.error) == ("done", 30, "")
    assert "secret" not in (folder.of(number) / RESULT).read_text()
    assert requests.pop() == "/disc.mp4?key=secret"
    assert folder.input(number).suffix == ".mp4"


def test_a_video_that_was_fetched_is_not_fetched_again(folder, store, worker, site):
    address, requests = site
    number = queued(folder, store, f"{address}/disc.mp4")
    write_video(folder.of(number) / "input.mp4", moving(frames=10))
    requests.clear()
    assert worker.run_one()
    assert (store.get(number).done, requests) == (10, [])


def test_a_worker_leaves_the_room_that_uploads_were_promised(folder):
    folder.uploads.mkdir()
    Uploads(folder.uploads, 600_000).create("a.mp4", 600_000, "", "192.0.2.1")
    links = links_for(folder, 10_000_000, 1_000_000)
    links.check_room(300_000)
    with pytest.raises(NoRoomError, match="400,001 bytes do not fit"):
        links.check_room(400_001)


@pytest.mark.parametrize(
    ("path", "said"), [("/watch?v=secret", "/watch cannot be opened as a video"), ("/none.mp4", "answers 404")]
)
def test_what_is_no_video_fails_with_the_link_without_its_query(folder, store, worker, site, path, said):
    number = queued(folder, store, site[0] + path)
    assert worker.run_one()
    job = store.get(number)
    assert (job.state, said in job.error, "secret" in job.error) == ("failed", True, False)
    assert str(folder.path) not in job.error


def test_a_job_that_is_erased_while_its_video_is_fetched_leaves_nothing(folder, store, worker, site, monkeypatch):
    number = queued(folder, store, f"{site[0]}/disc.mp4")
    progress = JobStore.progress

    def erase(self, *given):
        folder.erase(number)
        store.remove(number)
        return progress(self, *given)

    monkeypatch.setattr(JobStore, "progress", erase)
    assert worker.run_one()
    assert store.get(number) is None
    assert list((folder.path / "jobs").iterdir()) == []


def test_a_worker_that_may_not_follow_links_fails_the_job(folder, store, worker, site):
    number = queued(folder, store, f"{site[0]}/disc.mp4")
    closed = Worker(folder, Models(None), 600.0, None)
    assert closed.run_one()
    closed.close()
    assert store.get(number).state == "failed"


def serving(folder, links):
    app = application(folder.path, ServiceSettings(links=links, most_bytes=10_000_000), Guard("127.0.0.1", ""))
    return TestClient(app, base_url="http://127.0.0.1:8765")


def test_links_are_off_unless_the_server_allows_them(folder, store, site):
    with serving(folder, 0) as client:
        answer = client.post("/v1/jobs", json={"url": f"{site[0]}/disc.mp4"})
    assert (answer.status_code, "--allow-links" in answer.json()["detail"]) == (403, True)
    assert store.newest(1) == []


def test_a_link_to_this_machine_is_not_followed(folder, site):
    address, requests = site
    requests.clear()
    link = address.replace("video.test", "127.0.0.1") + "/disc.mp4?key=secret"
    with serving(folder, 10_000_000) as client:
        given = [client.post("/v1/jobs", json={"url": link}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert {(answer.status_code, answer.json()["id"]) for answer in given} == {(202, given[0].json()["id"])}
        assert given[0].json()["video"] == link.partition("?")[0]
        other = client.post("/v1/jobs", json={"url": link + "2"}, headers={"Idempotency-Key": "k"})
        assert (other.status_code, "use a new one" in other.json()["detail"]) == (422, True)
        events = client.get(f"/v1/jobs/{given[0].json()['id']}/events").text
    assert "is not public" in events
    assert "secret" not in events
    assert requests == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"url": "file:///etc/passwd"}, "not one of http or https"),
        ({"url": "https://u:p@example.com/a.mp4"}, "password in it"),
        ({"url": 1}, "url is 1; give text"),
        ({"url": "https://example.com/", "upload": "x"}, "give one of upload, url and again"),
        ({}, "give one of upload, url and again"),
        ([], "give one of upload, url and again"),
        ({"url": "https://example.com/", "other": 1}, "give one of upload, url and again"),
        ({"url": "https://example.com/", "options": "{}"}, "no JSON object"),
        ({"url": "https://example.com/", "options": {"treshold": 1}}, "did you mean threshold"),
    ],
)
def test_wrong_orders_are_refused_in_a_sentence(client, body, said):
    answer = client.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert said in answer.json()["detail"]


def test_a_body_that_is_no_json_is_refused_in_a_sentence(client):
    for body in (b"{", b"\xff", b"[" * 100_000):
        answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, "no JSON" in answer.json()["detail"]) == (422, True)


def test_openapi_shows_both_bodies(client):
    post = client.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]
    assert set(post["requestBody"]["content"]) == {"multipart/form-data", "application/json"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with serving(ServiceFolder(tmp_path_factory.mktemp("service")), 10_000_000) as client:
        yield client

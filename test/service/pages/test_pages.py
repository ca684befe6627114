"""The pages and the guard before them, without a browser: who gets in, and what the answers allow."""

import json
import re
import shutil

import pytest
from clips import write_lacking

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi.testclient import TestClient

from har_ros.service.application import application
from har_ros.service.folder import WINDOWS
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings
from har_ros.settings import CARDS

TOKEN = "a token that is long enough"
HERE = "http://127.0.0.1:8765"
HTML = {"accept": "text/html"}


@pytest.fixture
def client(tmp_path):
    app = application(tmp_path, ServiceSettings(workers=0, most_bytes=1_000_000), Guard("127.0.0.1", TOKEN))
    with TestClient(app, base_url=HERE, follow_redirects=False) as client:
        yield client


def log_in(client, token=TOKEN):
    return client.post("/login", data={"token": token}, headers={"origin": HERE})


def test_a_browser_is_asked_for_the_token_and_comes_back_with_a_cookie(client):
    assert client.get("/", headers=HTML).headers["location"] == "/login"
    assert client.get("/v1/jobs").status_code == 401
    assert log_in(client, "something else").status_code == 401
    assert client.get("/", headers=HTML).status_code == 303

    answer = log_in(client)

    assert answer.headers["location"] == "/"
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
    assert TOKEN not in answer.headers["set-cookie"]
    assert client.get("/", headers=HTML).status_code == 200
    assert client.get("/v1/jobs").status_code == 200
    client.post("/logout", headers={"origin": HERE})
    assert client.get("/v1/jobs").status_code == 401


def test_a_cookie_changes_nothing_for_a_page_of_another_origin_or_of_none(client):
    log_in(client)
    for headers, status in (({"origin": HERE}, 404), ({"origin": "http://evil.example"}, 403), ({}, 403)):
        assert client.delete("/v1/jobs/none", headers=headers).status_code == status


def test_the_token_serves_programs_without_an_origin(client):
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert client.delete("/v1/jobs/none", headers=headers).status_code == 404
    assert client.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/", "/docs", "/v1/jobs", "/static/style.css", "/nothing"])
def test_every_answer_allows_only_what_comes_from_here(client, path):
    log_in(client)
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


def test_a_browser_gets_errors_as_pages_and_the_api_gets_problem_details(client):
    log_in(client)
    shown = client.get("/jobs/<b>", headers=HTML)
    assert (shown.status_code, shown.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>Not Found</h1>" in shown.text
    assert "There is no job &lt;b&gt;; it was erased, or never was." in shown.text
    assert "There is nothing at this address; check it." in client.get("/nothing", headers=HTML).text
    assert "<h1>Forbidden</h1>" in client.get("/", headers={**HTML, "host": "evil.example"}).text
    for path, headers in (("/v1/jobs/none", HTML), ("/jobs/none", {})):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_api_page_names_every_route(client):
    log_in(client)
    text = client.get("/docs").text
    for path in client.app.openapi()["paths"]:
        assert path in text


def test_a_network_that_is_damaged_is_named_and_disturbs_no_other(tmp_path):
    (tmp_path / "models" / "broken").mkdir(parents=True)
    (tmp_path / "models" / "broken" / "card.yaml").write_text("name: [")
    settings = ServiceSettings(tmp_path / "models", workers=0)
    app = application(tmp_path / "service", settings, Guard("127.0.0.1", ""))
    with TestClient(app, base_url=HERE) as client:
        names = [model["name"] for model in client.get("/v1/models").json()]
        assert "everyday-14" in names
        assert "broken" not in names
        assert client.get("/").status_code == 200
        text = client.get("/models").text
        assert "It cannot be used: card.yaml " in text
        assert str(tmp_path) not in text


def test_a_network_whose_files_are_missing_is_shown_with_what_to_do_and_not_offered(tmp_path, models, own_cache):
    for name, path in (("elsewhere", models / "tiny" / "card.yaml"), ("skeletons", CARDS / "everyday-14.yaml")):
        write_lacking(tmp_path / "models" / name, path)
    app = application(tmp_path / "service", ServiceSettings(tmp_path / "models", workers=0), Guard("127.0.0.1", ""))
    with TestClient(app, base_url=HERE) as client:
        assert "elsewhere" not in [model["name"] for model in client.get("/v1/models").json()]
        form = client.get("/").text
        assert '<option value="elsewhere"' not in form
        text = client.get("/models").text
        others = (
            text.count("Its files are not on the server") - 2
        )  # skeletons and movenet-multipose are not for whole images
        assert re.search(rf'\b{others} others? (is|are) not on the server yet; <a href="/models">', form)
        for name in ("elsewhere", "movenet-multipose"):
            assert f"run there: <code>actionnet models fetch {name}</code>" in text
        assert "<code>.venv/bin/actionnet</code>" in text


def test_a_network_that_was_taught_here_is_shown_with_its_accuracy_and_report(tmp_path, models):
    mine = tmp_path / "models" / "mine"
    shutil.copytree(models / "tiny", mine)
    accuracy = {"value": 0.8, "low": 0.6, "high": 0.9}
    metrics = {"figures": {"accuracy": accuracy}, "settings": {"dataset": "falls"}, "clips": 9}
    (mine / "metrics.json").write_text(json.dumps(metrics))
    app = application(tmp_path, ServiceSettings(models, workers=0), Guard("127.0.0.1", ""))
    with TestClient(app, base_url=HERE) as client:
        text = client.get("/models").text
    assert text.count("Taught here") == 1
    assert 'accuracy 0.80 <span class="faint">(0.60 … 0.90)</span>' in text
    assert '<a href="/v1/models/mine/report">Report</a>' in text


def test_of_a_link_that_brought_no_video_the_history_says_why_and_nothing_is_run_again(tmp_path):
    app = application(tmp_path, ServiceSettings(workers=0, links=True), Guard("127.0.0.1", ""))
    with TestClient(app, base_url=HERE) as client:
        number, waiting = (
            client.post("/v1/jobs", json={"url": f"https://example.org/{name}.mp4"}).json()["id"]
            for name in ("none", "later")
        )
        store = app.state.service.store
        assert store.claim(1).id == number
        store.fail(number, 1, "example.org answers 404")
        history, shown = client.get("/history").text, client.get(f"/jobs/{number}").text
    assert '<p class="hint">example.org answers 404</p>' in history
    assert f'hx-delete="/v1/jobs/{waiting}" hx-swap="none" hx-confirm="Cancel ' in history
    assert "There is no video here" in shown
    assert "Run again" not in shown


def test_while_a_job_runs_it_is_said_that_nothing_is_a_class(tmp_path):
    app = application(tmp_path, ServiceSettings(workers=0), Guard("127.0.0.1", ""))
    with TestClient(app, base_url=HERE) as client:
        job, _ = app.state.service.store.add("a.mp4", {})
        lines = app.state.service.folder.of(job.id) / WINDOWS
        lines.parent.mkdir()
        for label in ("walk", "nothing"):
            row = {"end": 1.0, "actions": [{"label": label, "score": 0.77}], "person": "p_1"}
            lines.write_text(json.dumps(row) + "\n")
            text = client.get(f"/jobs/{job.id}/found").text
            assert f"{label} 0.77" in text
            assert ("are classes" in text) == (label == "nothing")


def test_where_no_network_finds_people_it_is_said_how_to_fetch_one(tmp_path, own_cache):
    app = application(tmp_path / "service", ServiceSettings(workers=0), Guard("127.0.0.1", ""))
    with TestClient(app, base_url=HERE) as client:
        texts = [client.get(path).text for path in ("/", "/webcam?model=everyday-14")]
    for text in texts:
        [persons] = re.findall(r'<input [^>]*name="persons"[^>]*>', text)
        assert persons.endswith(" disabled>")
        assert " checked" not in persons
        assert "run there: <code>actionnet models fetch movenet-multipose</code>" in text
        assert 'name="pose_model"' not in text

"""Who may do what."""

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi.testclient import TestClient
from served import running

from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings


def test_only_those_who_may_change_something(tmp_path, models):
    with running(tmp_path, models, token="0123456789abcdef", workers=0) as client:
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/v1/jobs", headers={"Authorization": "Bearer 0123456789abcdef"}).status_code == 200
    with running(tmp_path, models, workers=0) as client:
        assert client.get("/v1/jobs", headers={"Host": "evil.example:8765"}).status_code == 403
        assert client.delete("/v1/jobs/x", headers={"Origin": "http://evil.example"}).status_code == 403
        assert client.delete("/v1/jobs/x", headers={"Origin": "http://["}).status_code == 403
        assert client.delete("/v1/jobs/x", headers={"Origin": "http://127.0.0.1:8765"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/lo%09gin", "127.0.0.1"),
        ("/v1/jobs", "127.0.0.1/static/"),  # a path that request.url may begin with
        ("/v1/jobs", "127.0.0.1/login?"),
    ],
)
def test_only_the_path_that_is_routed_needs_no_token(tmp_path, models, path, host):
    guard = Guard("192.0.2.1", "0123456789abcdef")
    with TestClient(application(tmp_path, ServiceSettings(models, workers=0), guard)) as client:
        assert client.get(path, headers={"Host": host}).status_code == 401


def test_a_server_for_others_needs_a_token():
    with pytest.raises(Exception, match="give a --token"):
        Guard("0.0.0.0", "")
    Guard("0.0.0.0", "0123456789abcdef")
    Guard("::1", "")

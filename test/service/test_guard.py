"""Who may do what."""

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import running

from har_ros.service.guard import Guard


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


def test_a_server_for_others_needs_a_token():
    with pytest.raises(Exception, match="give a --token"):
        Guard("0.0.0.0", "")
    Guard("0.0.0.0", "0123456789abcdef")
    Guard("::1", "")

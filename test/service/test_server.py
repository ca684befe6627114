"""The server over real connections: those that nobody uses, and its end."""

import resource
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from served import serving
from waiting import WAIT, wait_until

from har_ros.service import decoding, process
from har_ros.service import server as module


def test_a_clip_that_waits_to_be_decoded_is_answered_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "AT_ONCE", 0)  # as if others ran
    with (
        serving(tmp_path) as (server, port),
        ThreadPoolExecutor() as pool,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT) as client,
    ):
        client.post("/v1/datasets", json={"name": "mine"})
        client.post("/v1/datasets/mine/classes", json={"name": "wave"})
        address = "/v1/datasets/mine/classes/wave/clips"
        sending = pool.submit(client.post, address, files={"video": ("a.mp4", b"x")})
        _, clips = server.config.app.state.decoding
        wait_until(lambda: clips._waiting)
        server.should_exit = True
        answer = sending.result()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: "])
def test_a_connection_without_a_request_is_closed(tmp_path, monkeypatch, said):
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with serving(tmp_path) as (_, port), socket.create_connection(("127.0.0.1", port), WAIT) as connection:
        connection.sendall(said)
        assert connection.recv(1000) == b""


def test_a_server_takes_half_as_many_connections_as_it_may_open_files(tmp_path, monkeypatch):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(process, "MOST_FILES", before[0] - 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] - 4, before[1]))
    try:
        with serving(tmp_path) as (server, _):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[0] - 2
            assert server.config.limit_concurrency == before[0] // 2 - 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

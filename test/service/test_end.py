"""The end of a server: what becomes of requests that wait."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx

from har_ros.commands.serve import parser, prepared
from har_ros.service import decoding


def test_a_clip_that_waits_to_be_decoded_is_answered_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "AT_ONCE", 0)  # as if others ran
    options = parser("serve").parse_args(["--port", "0", "--folder", str(tmp_path), "--no-preload"])
    with prepared(options) as (server, place), ThreadPoolExecutor() as pool:
        running = pool.submit(server.run, [place])
        base = f"http://127.0.0.1:{place.getsockname()[1]}"
        with httpx.Client(base_url=base, timeout=60) as client:
            client.post("/v1/datasets", json={"name": "mine"})
            client.post("/v1/datasets/mine/classes", json={"name": "wave"})
            address = "/v1/datasets/mine/classes/wave/clips"
            sending = pool.submit(client.post, address, files={"video": ("a.mp4", b"x")})
            _, clips = server.config.app.state.decoding
            end = time.monotonic() + 60
            while not clips._waiting:
                assert time.monotonic() < end
                time.sleep(0.02)
            server.should_exit = True
            answer = sending.result()
        running.result()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")

"""What a server that is reached through HTTP may do to a window."""

import json
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
import rough_server
from http_inference_server import LENGTH, Handler, serving_http
from inference_server import SHAPE, InferenceServer, rows, windows
from waiting import WAIT, wait_until

from har_ros.backends.triton import http_pool
from har_ros.backends.triton.address import addresses
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.wire import LARGEST_ANSWER, Input, UnansweredError
from har_ros.errors import ModelError

DEADLINE = 0.5


@pytest.fixture
def protocol():
    """Of the fixtures here."""
    return "HTTP"


def answer(described, raw=b"", length=None):
    """Return the bytes of an answer. length: of its description, as it says."""
    text = described if isinstance(described, bytes) else json.dumps(described).encode()
    said = f"{LENGTH}: {len(text) if length is None else length}"
    return f"HTTP/1.1 200 OK\r\n{said}\r\nContent-Length: {len(text + raw)}\r\n\r\n".encode() + text + raw


def output(**fields):
    given = {"name": "output", "datatype": "FP32", "shape": [1, 5], "parameters": {"binary_data_size": 20}, **fields}
    return {"id": "7", "outputs": [given]}


def asked(port, deadline=DEADLINE, bytes=8):
    """Ask for a row, of a server that was found to take bytes."""
    client = Client(addresses(f"http://127.0.0.1:{port}")[0], deadline)
    client._wire._binary = True
    try:
        return client.row("small", Input("frames", np.zeros((1, bytes), np.uint8)), 7)
    finally:
        client.close()


LATE = f"does not answer within the deadline, {DEADLINE:g} s"
UNREADABLE = "gives an unreadable answer"


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (b"", UnansweredError, "says: (Server disconnected without|.*Connection reset)"),
        (b"garbage\r\n\r\n", ModelError, UNREADABLE),
        (answer(b"garbage"), ModelError, UNREADABLE),
        (answer(b"[]"), ModelError, UNREADABLE),
        (answer({}), ModelError, UNREADABLE),
        (answer(b"[" * 100_000), ModelError, UNREADABLE),
        (answer(output(), bytes(20), "many"), ModelError, UNREADABLE),
        (answer(output(), bytes(20), -1), ModelError, UNREADABLE),
        (answer(output(), bytes(19)), ModelError, UNREADABLE),
        (answer(output(datatype="FP64"), bytes(20)), ModelError, UNREADABLE),
        (answer(output(parameters={"binary_data_size": "20"}), bytes(20)), ModelError, UNREADABLE),
        (answer(output(parameters={}, data=[1])), ModelError, UNREADABLE),
        (answer(output(parameters={}, data=[None] * 5)), ModelError, "gives 1×5 float32, where finite numbers"),
        (answer(output(shape=[5]), bytes(20)), ModelError, "gives 5 float32, where finite numbers, 1×N"),
        (
            answer(output(), bytes(20))[:-1],
            UnansweredError,
            "says: (peer closed connection without|.*Connection reset)",
        ),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", UnansweredError, "says: 503 Busy"),
        (b"HTTP/1.1 413 Large\r\nContent-Length: 6\r\n\r\n<html>", ModelError, "says: 413 Large"),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://a/\r\nContent-Length: 0\r\n\r\n", ModelError, "says: 301 Moved"),
        (rough_server.silence, UnansweredError, LATE),
        (rough_server.drip, UnansweredError, LATE),
        (rough_server.headers_without_end, ModelError, f"{LATE}|{UNREADABLE}"),
        (rough_server.body_without_end, ModelError, "gives more than 64 MiB"),
        (rough_server.chunks_without_end, ModelError, "gives more than 64 MiB"),
        (rough_server.one_chunk_of_everything, ModelError, "gives more than 64 MiB"),
    ],
)
def test_whatever_comes_is_one_sentence_in_time(given, kind, said):
    deadline = DEADLINE if said.startswith(LATE) else 30.0
    with rough_server.server(given) as (port, _):
        start = time.monotonic()
        with pytest.raises(ModelError, match=said) as caught:
            asked(port, deadline)
        assert time.monotonic() - start < deadline + WAIT
    assert isinstance(caught.value, kind)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_window_that_is_not_taken_in_is_late():
    """The server reads nothing: the window does not fit into what the kernels hold."""
    kept = []
    with rough_server.accepting(kept.append) as port, pytest.raises(UnansweredError, match=LATE):
        asked(port, bytes=64 * 2**20)


def test_a_server_that_takes_no_more_may_say_why():
    """As a proxy that has a limit for bodies."""

    def refuse(connection):
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with rough_server.accepting(refuse) as port, pytest.raises(ModelError, match="says: 413 Too Large"):
        asked(port, 30.0, 64 * 2**20)


def test_no_more_is_read_than_the_largest_answer():
    def large(send, request, stopped):
        send(rough_server.FOUND % 2**40 + bytes(LARGEST_ANSWER + 1))
        stopped.wait(WAIT)

    with rough_server.server(large) as (port, _), pytest.raises(ModelError, match="gives more than 64 MiB"):
        asked(port, 30.0)


def test_a_second_answer_is_never_that_to_the_next_window():
    class Twice(Handler):
        def _send(self, *given):
            for _ in range(2):
                super()._send(*given)

    with serving_http(InferenceServer("small", SHAPE), handler=Twice) as port:
        client = Client(addresses(f"http://127.0.0.1:{port}")[0], 30.0)
        client._wire._binary = True
        right = 0
        for number, clip in enumerate(windows(20)):
            try:
                row = client.row("small", Input("frames", clip[None]), number)
            except ModelError as error:
                assert "answers another request" in str(error) or UNREADABLE in str(error)
            else:
                np.testing.assert_allclose(row, rows([clip]))
                right += 1
        client.close()
    assert right


def test_connections_are_kept_and_those_that_the_server_has_closed_are_not(connect, monkeypatch):
    monkeypatch.setattr(http_pool, "IDLE", WAIT)
    server = InferenceServer("small", SHAPE)
    with serving_http(server) as port:
        backend = connect(port, in_flight=1)
        pool = backend._serving._client._wire._pool
        for _ in range(5):
            backend.infer(windows(1))
            [connection] = pool._pool.connections
        first = connection
        backend.infer(windows(1))
        assert pool._pool.connections == [first]
        pool._network.end()  # as the server does when nothing was asked for a time
        pool._network._over = False
        np.testing.assert_allclose(backend.infer(windows(1)), rows(windows(1)))
        [second] = pool._pool.connections
        assert second is not first


def test_closing_ends_what_waits():
    with rough_server.server(rough_server.silence) as (port, requests):
        client = Client(addresses(f"http://127.0.0.1:{port}")[0], 2 * WAIT)
        client._wire._binary = True
        answers = []

        def ask():
            with suppress(ModelError):
                answers.append(client.row("small", Input("frames", np.zeros((1, *SHAPE), np.uint8)), 7))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        wait_until(lambda: requests)
        client.close()
        thread.join(WAIT)
        assert not thread.is_alive()
    assert answers == []


def test_a_server_without_bytes_gets_numbers(connect):
    with serving_http(InferenceServer("small", SHAPE, binary=False)) as port:
        backend = connect(port)
        assert "through HTTP as JSON" in backend.name
        np.testing.assert_allclose(backend.infer(windows(3)), rows(windows(3)))


def test_a_server_below_a_path_is_asked_there():
    with rough_server.server(rough_server.FOUND % 0) as (port, requests):
        client = Client(addresses(f"http://127.0.0.1:{port}/way/to it/")[0], 30.0)
        client.check_ready()
        client.close()
    assert requests[0].startswith("GET /way/to%20it/v2/health/ready HTTP/1.1\r\n")

"""Windows that are given up through gRPC are not cancelled on the server, which may crash from it."""

import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from inference_server import SHAPE, InferenceServer, deadline_only_while, regions, rows, serving, windows
from triton_wheel import NEEDS_SERVER
from waiting import WAIT, wait_until

from har_ros.backends.triton import grpc_wire
from har_ros.backends.triton.backend import TritonBackend
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.repository import ExportSettings, export
from har_ros.backends.triton.wheel import running
from har_ros.backends.triton.wire import Input
from har_ros.errors import ModelError


@pytest.fixture
def protocol():
    return "gRPC"


class LateServer(InferenceServer):
    """Answers late while `slow` is set. wanted: of each late window, in the end, whether the client still waits."""

    def __init__(self, monkeypatch=None, **others):
        super().__init__("small", SHAPE, answer=self.late, **others)
        self.slow, self.begun, self.wanted = threading.Event(), [], []
        if monkeypatch is not None:
            deadline_only_while(self.slow, monkeypatch)

    def late(self, response, number, context):
        if self.slow.is_set():
            self.begun.append(number)
            while self.slow.is_set() and context.is_active() and not self.stopped.wait(0.02):
                pass
            self.wanted.append(context.is_active())

    @property
    def open(self):
        """How many late windows it has now."""
        return len(self.begun) - len(self.wanted)


def test_a_late_window_runs_out_on_the_server_while_the_next_are_asked_for(connect, monkeypatch):
    server = LateServer(monkeypatch)
    with serving(server) as port:
        backend = connect(port, deadline=0.3)
        server.slow.set()
        with pytest.raises(ModelError, match=r"does not answer within the deadline, 0\.3 s"):
            backend.infer(windows(2))
        wait_until(lambda: server.open > 2)  # it is tried again, over another connection
        server.slow.clear()
        assert backend.wait(WAIT)
        np.testing.assert_allclose(backend.infer(windows(2)), rows(windows(2)))
        wait_until(lambda: not server.open)
    assert server.wanted == len(server.wanted) * [True]


def test_a_server_that_answers_nothing_gets_no_more(connect, monkeypatch, caplog):
    server, attempts, real = LateServer(monkeypatch), [], TritonBackend.connect
    monkeypatch.setattr(TritonBackend, "connect", lambda backend: attempts.append(1) or real(backend))
    with serving(server) as port:
        backend = connect(port, deadline=0.1)
        server.slow.set()
        with pytest.raises(ModelError, match="does not answer within the deadline"):
            backend.infer(windows(2))
        wait_until(lambda: "has 3 windows or more to answer that were given up" in caplog.text)
        tried = len(attempts)
        wait_until(lambda: len(attempts) > tried + 3)
        assert server.open == 3  # those two, and the first of the attempts
        server.slow.clear()
        assert backend.wait(WAIT)
        np.testing.assert_allclose(backend.infer(windows(7)), rows(windows(7)))


def test_what_never_ends_is_cancelled_after_all(connect, monkeypatch):
    monkeypatch.setattr(grpc_wire, "RUN_OUT", 0.5)
    server = LateServer(monkeypatch)
    with serving(server) as port:
        backend = connect(port, deadline=0.1)
        server.slow.set()
        with pytest.raises(ModelError, match="does not answer within the deadline"):
            backend.infer(windows(2))
        wait_until(lambda: len(server.wanted) > 5)  # which only a client that has left ends
        server.slow.clear()
        assert backend.wait(WAIT)


@pytest.mark.parametrize("shares", [False, True])
def test_closing_neither_waits_for_a_late_window_nor_cancels_it(connect, monkeypatch, shares):
    server, before = LateServer(monkeypatch, shares=shares), threading.active_count()
    with serving(server) as port:
        backend = connect(port, deadline=0.3)
        wire = backend._serving._client._wire
        server.slow.set()
        with pytest.raises(ModelError, match="does not answer within the deadline"):
            backend.infer(windows(2))
        connect.close(backend)
        assert server.open
        assert len(regions()) == len(server.regions) == shares  # left over for the next
        server.slow.clear()
        wait_until(lambda: not server.open)
        assert server.wanted == len(server.wanted) * [True]
        wait_until(lambda: not wire._open)
        with pytest.raises(ValueError, match="closed channel"):
            wire.ready()
        connect.close(connect(port))
    assert regions() == set()
    wait_until(lambda: threading.active_count() <= before)


def test_an_ending_process_waits_a_little_for_what_it_has_given_up():
    server = LateServer()
    server.slow.set()
    code = """import sys
import numpy as np
from har_ros.backends.triton import late
from har_ros.backends.triton.address import addresses
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.wire import Input
from har_ros.errors import ModelError
late.LEAVING = 120
[address] = addresses(sys.argv[1])
try:
    client = Client(address, 1.0)
    client.row("small", Input("frames", np.zeros((1, 4, 8, 8, 3), np.uint8)), 0)
except ModelError as error:
    client.close()
    print(error, flush=True)"""
    with serving(server) as port:
        command = [sys.executable, "-c", code, f"grpc://127.0.0.1:{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert "does not answer within the deadline" in process.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            server.slow.clear()
            assert process.wait(WAIT) == 0
    assert server.wanted == [True]


@NEEDS_SERVER
def test_the_real_server_survives_windows_that_are_given_up(network, tmp_path):
    """Some just before their answers: where they were cancelled, it crashed within 1,400 of them."""
    export(network, tmp_path, ExportSettings("python"))
    with running(tmp_path) as server:

        def give_up(seed):
            """Over a connection for each, as a robot does afterwards."""
            chosen, given_up, window = random.Random(seed), 0, np.zeros((1, *SHAPE), np.uint8)
            while given_up < 200:
                with closing(Client(server.address, chosen.uniform(0.0005, 0.008))) as client:
                    try:
                        while True:
                            client.row(network.name, Input("frames", window), 0)
                    except ModelError as error:
                        assert "does not answer within" in str(error), server.ending()
                        given_up += 1

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(give_up, range(8))) == 8 * [None]
        assert server.process.poll() is None
        with closing(Client(server.address, WAIT)) as client:
            assert client.row(network.name, Input("frames", np.zeros((1, *SHAPE), np.uint8)), 0).shape == (1, 5)

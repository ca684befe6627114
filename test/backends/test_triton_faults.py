"""What becomes of a server of networks that misbehaves, goes and comes back, and of memory that is shared with it."""

import errno
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
import grpc
from inference_server import SHAPE, InferenceServer, deadline_only_while, late_while, regions, rows, windows
from waiting import WAIT, wait_until

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton import shared_memory
from har_ros.errors import ModelError


def no_numbers(response, number, context):
    response.raw_output_contents[0] = np.full(5, np.nan, np.float32).tobytes()


def garbage(response, number, context):
    response.raw_output_contents[0] = b"garbage"


def nothing(response, number, context):
    del response.outputs[:]


def another_request(response, number, context):
    response.id = "another"


def two_rows(response, number, context):
    response.outputs[0].shape[:] = [2, 5]
    response.raw_output_contents[0] = bytes(40)


def overloaded(response, number, context):
    context.abort(grpc.StatusCode.UNAVAILABLE, "Exceeds maximum queue size")


FAULTS = {
    no_numbers: "gives 1×5 float32, where finite numbers, 1×N, are expected",
    garbage: "gives an unreadable answer",
    nothing: "gives nothing, where",
    another_request: "answers another request",
    two_rows: "gives 2×5 float32, where",
    overloaded: "says: Exceeds maximum queue size",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_answer_costs_its_window_and_the_next_may_be_right(connect, fault, serving):
    """The trial is request 0; the window after it fails, and so does the first trial afterwards."""
    server = InferenceServer("small", SHAPE)
    server.answer = lambda response, number, context: fault(response, number, context) if number in (1, 2) else None
    with serving(server) as port:
        backend = connect(port, in_flight=1)
        with pytest.raises(ModelError, match=FAULTS[fault]):
            backend.infer(windows(1))
        with pytest.raises(ModelError, match="no server answers at present"):
            backend.infer(windows(1))
        assert backend.wait(WAIT)
        np.testing.assert_allclose(backend.infer(windows(3)), rows(windows(3)))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_its_trial_is_refused(connect, fault, serving):
    with serving(InferenceServer("small", SHAPE, answer=fault)) as port, pytest.raises(ModelError, match=FAULTS[fault]):
        connect(port)


def test_a_late_answer_is_given_up_and_the_fallback_serves_meanwhile(network, connect, serving, monkeypatch):
    server, local = InferenceServer("small", SHAPE), load_backend(network, BackendSettings("openvino"))
    clips, slow = windows(2), threading.Event()
    deadline_only_while(slow, monkeypatch)
    late_while(slow, server)
    with serving(server) as port:
        backend = connect(port, deadline=0.3, fallback="openvino")
        np.testing.assert_allclose(backend.infer(clips), rows(clips))
        slow.set()
        np.testing.assert_allclose(backend.infer(clips), local.infer(clips))
        assert backend.name == local.name
        np.testing.assert_allclose(backend.infer(clips), local.infer(clips))
        slow.clear()
        assert backend.wait(WAIT)
        np.testing.assert_allclose(backend.infer(clips), rows(clips))


@pytest.mark.parametrize("shares", [False, True])
def test_a_server_may_go_and_come_back(connect, shares, caplog, serving):
    clips = windows(2)
    with serving(InferenceServer("small", SHAPE, shares=shares)) as port:
        backend = connect(port)
        backend.infer(clips)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"the server at .* says|no server answers at present"):
            backend.infer(clips)
    assert len(regions()) == shares  # kept for the next
    assert "nothing serves until a server is ready, because" in caplog.text
    with serving(InferenceServer("small", SHAPE, classes=6), port):  # another network meanwhile
        wait_until(lambda: "where the card needs output ?×5 FP32" in caplog.text)
        assert not backend.wait(0)
    with serving(InferenceServer("small", SHAPE, shares=shares), port):
        assert backend.wait(WAIT)
        np.testing.assert_allclose(backend.infer(clips), rows(clips))
        connect.close(backend)
    assert regions() == set()


def test_without_a_server_the_fallback_serves_from_the_start(network, connect, serving):
    server, clips = InferenceServer("small", SHAPE), windows(2)
    with serving(server) as port:
        pass
    backend = connect(port, fallback="openvino")
    np.testing.assert_allclose(backend.infer(clips), load_backend(network, BackendSettings("openvino")).infer(clips))
    with serving(server, port):
        assert backend.wait(WAIT)
        np.testing.assert_allclose(backend.infer(clips), rows(clips))


def test_a_server_that_is_starting_is_not_taken(connect, serving):
    server = InferenceServer("small", SHAPE)
    server.ready = False
    with serving(server) as port, pytest.raises(ModelError, match="is not ready; wait until it has started"):
        connect(port)


def test_what_a_dead_process_left_over_is_removed_and_nothing_else(connect, serving):
    """Its region, not a living one's, and not a file of another name."""
    code = f"""import os
from har_ros.backends.triton import shared_memory
shared_memory.PREFIX = {shared_memory.PREFIX!r}
region = shared_memory.Region(64)
print(region.path, flush=True)
input()
os._exit(1)"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    other = Path("/dev/shm", f"other-{os.getpid()}")
    other.touch()
    try:
        with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
            path = Path(process.stdout.readline().strip())
            server = InferenceServer("small", SHAPE)
            with serving(server) as port:
                server.regions[path.name] = None
                connect(port)
                assert path.exists()
                process.communicate("\n")
                assert path.exists()
                connect(port)
                assert not path.exists()
                assert path.name not in server.regions
        assert other.exists()
    finally:
        other.unlink()


def test_where_shared_memory_is_exhausted_windows_travel(connect, monkeypatch, caplog, serving, protocol):
    def full(file, start, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with serving(InferenceServer("small", SHAPE, shares=True)) as port:
        assert f"through {protocol}" in connect(port).name
    assert "because there is no room for them" in caplog.text
    assert regions() == set()


def test_a_server_that_cannot_read_what_it_has_mapped_gets_windows_sent(connect, caplog, serving, protocol):
    caplog.set_level(logging.DEBUG, "har_ros")
    server = InferenceServer("small", SHAPE, shares=True)
    server.SystemSharedMemoryRegister = lambda request, context: InferenceServer.SystemSharedMemoryUnregister(
        server, request, context
    )
    with serving(server) as port:
        assert f"through {protocol}" in connect(port).name
    assert "windows do not go through shared memory, because" in caplog.text


def test_a_server_that_is_too_slow_gets_no_more_shared_memory(connect, serving, monkeypatch):
    """One that still reads an old window, and so does not let go of the memory, gets the next one there, too."""
    server = InferenceServer("small", SHAPE, shares=True)
    slow = threading.Event()
    deadline_only_while(slow, monkeypatch)
    late_while(slow, server)
    in_use = threading.Event()
    in_use.set()
    unregister = server.SystemSharedMemoryUnregister

    def in_use_or_unregister(request, context):
        if in_use.is_set():
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Cannot unregister '{request.name}', it is in use")
        return unregister(request, context)

    server.SystemSharedMemoryUnregister = in_use_or_unregister
    with serving(server) as port:
        backend = connect(port, deadline=0.3)
        for _ in range(2):
            slow.set()
            with pytest.raises(ModelError, match="does not answer within"):
                backend.infer(windows(1))
            asked = len(server.requests)
            wait_until(lambda asked=asked: len(server.requests) > asked)  # it is tried again
            assert not backend.wait(0)
            slow.clear()
            assert backend.wait(WAIT)
            np.testing.assert_allclose(backend.infer(windows(2)), rows(windows(2)))
            assert "through shared memory" in backend.name
        assert len(regions()) == len(server.regions) == 1
        connect.close(backend)
        assert len(regions()) == 1  # left over for the next
        in_use.clear()
        connect(port)
        assert len(regions()) == len(server.regions) == 1

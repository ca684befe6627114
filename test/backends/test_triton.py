"""A server of networks as a backend: what it must say of itself, and what becomes of one that misbehaves.

The server here is our own; test_triton_server.py runs the real one.
"""

import errno
import logging
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inference_server import InferenceServer, serving
from small_networks import linear_network, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton import shared_memory
from har_ros.backends.triton.address import addresses
from har_ros.backends.triton.contract import parameters
from har_ros.errors import ConfigurationError, HarError, ModelError
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model

SHAPE = (4, 8, 8, 3)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    linear_network(folder / "small.onnx", SHAPE)
    return prepared_networks(find_model(str(write_card(folder))))[0]


@pytest.fixture
def connect(network):
    """Loads the network from a server; closed at the end."""
    opened = []

    def load(port, **settings):
        given = BackendSettings("triton", server=f"grpc://127.0.0.1:{port}", **settings)
        opened.append(load_backend(network, given))
        return opened[-1]

    def close(backend):
        opened.remove(backend)
        backend.close()

    load.close = close
    yield load
    for backend in opened:
        backend.close()


@pytest.fixture(autouse=True)
def own_regions(monkeypatch):
    """Regions of a name of their own: other tests run at the same time."""
    monkeypatch.setattr(shared_memory, "PREFIX", f"har_ros-{os.getpid()}-test-")
    yield
    assert ours() == set()


def windows(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, *SHAPE), np.uint8))


def rows(clips):
    return np.array([clip.reshape(-1)[:5] for clip in clips]) / 256


def ours():
    return set(Path("/dev/shm").glob(f"{shared_memory.PREFIX}*"))


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("in_flight", [1, 3])
def test_answers_come_in_order_through_grpc_and_through_shared_memory(network, connect, shares, in_flight):
    server = InferenceServer("small", SHAPE, shares=shares, parameters=parameters(network))
    clips = windows(7)
    with serving(server) as port:
        backend = connect(port, in_flight=in_flight)
        for _ in range(2):
            np.testing.assert_allclose(backend.infer(clips), rows(clips))
        assert (backend.name, backend.max_batch) == (
            f"Triton at grpc://127.0.0.1:{port} through {'shared memory' if shares else 'gRPC'}, "
            "precision of the server",
            in_flight,
        )
        assert bool(ours()) == shares
        assert any(request.raw_input_contents for request in server.requests) != shares
        connect.close(backend)
        assert server.regions == {}
    assert ours() == set()


def test_no_more_than_in_flight_requests_wait_at_a_time(connect):
    waiting, most, lock, both = [0], [0], threading.Lock(), threading.Barrier(2)

    def answer(response, number, context):
        with lock:
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
        if 1 <= number <= 2:  # after the trial: both are there at the same time
            both.wait(10)
        with lock:
            waiting[0] -= 1

    with serving(InferenceServer("small", SHAPE, answer=answer)) as port:
        connect(port).infer(windows(9))
    assert most == [2]


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"name": "other"}, r"unknown model: 'small'"),
        (
            {"shape": (4, 8, 9, 3)},
            r"its input is frames \?×4×8×9×3 UINT8, where the card needs frames \?×4×8×8×3 UINT8",
        ),
        ({"type": "FP32"}, r"its input is frames \?×4×8×8×3 FP32, where the card needs"),
        ({"classes": 7}, r"its output is output \?×7 FP32, where the card needs output \?×5 FP32"),
        ({"parameters": {"labels": "a\nb"}}, r"it has 2 labels, where the card has 5"),
        (
            {"parameters": {"labels": "class 0\nclass 1\nclass 3\nclass 2\nclass 4"}},
            r"its label 3 is 'class 3', where the card's is 'class 2'",
        ),
        (
            {"parameters": {"preprocessing": "0-0"}},
            r"it was exported for another preprocessing \(0-0; the card's is 1-",
        ),
    ],
)
def test_another_network_under_the_name_is_refused_in_a_sentence(connect, server, said):
    with (
        serving(InferenceServer(**{"name": "small", "shape": SHAPE, **server})) as port,
        pytest.raises(ModelError, match=said) as caught,
    ):
        connect(port)
    assert "\n" not in str(caught.value)


def test_all_that_disagrees_is_said_at_once(connect):
    with (
        serving(InferenceServer("small", (1, 1), classes=2, parameters={"labels": "a"})) as port,
        pytest.raises(ModelError, match=r"its input is .*; its output is .*; it has 1 labels.*; export it again"),
    ):
        connect(port)


@pytest.mark.parametrize("field", ["mean", "std", "range", "colour", "resize"])
def test_the_preprocessing_tells_cards_apart(network, field):
    other = {"mean": (1, 2, 3), "std": (1, 2, 3), "range": (0, 1), "colour": "bgr", "resize": None}[field]
    changed = replace(network, spec=replace(network.spec, **{field: other}))
    assert parameters(changed)["preprocessing"] != parameters(network)["preprocessing"]
    assert parameters(replace(network)) == parameters(network)


def test_a_server_that_shows_no_configuration_is_enough(connect):
    """As one that is not Triton."""
    server = InferenceServer("small", SHAPE)
    server.parameters = None
    with serving(server) as port:
        np.testing.assert_allclose(connect(port).infer(windows(1)), rows(windows(1)))


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
def test_a_wrong_answer_costs_its_window_and_the_next_may_be_right(connect, fault):
    """The trial is request 0; the window after it fails, and so does the first trial afterwards."""
    server = InferenceServer("small", SHAPE)
    server.answer = lambda response, number, context: fault(response, number, context) if number in (1, 2) else None
    with serving(server) as port:
        backend = connect(port, in_flight=1)
        with pytest.raises(ModelError, match=FAULTS[fault]):
            backend.infer(windows(1))
        with pytest.raises(ModelError, match="no server answers at present"):
            backend.infer(windows(1))
        assert backend.wait(10)
        np.testing.assert_allclose(backend.infer(windows(3)), rows(windows(3)))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_its_trial_is_refused(connect, fault):
    with serving(InferenceServer("small", SHAPE, answer=fault)) as port, pytest.raises(ModelError, match=FAULTS[fault]):
        connect(port)


def test_a_late_answer_is_given_up_and_the_fallback_serves_meanwhile(network, connect):
    server, local = InferenceServer("small", SHAPE), load_backend(network, BackendSettings("openvino"))
    clips, slow = windows(2), threading.Event()
    server.answer = lambda response, number, context: slow.is_set() and server.stopped.wait(60) and None
    with serving(server) as port:
        backend = connect(port, deadline=0.3, fallback="openvino")
        np.testing.assert_allclose(backend.infer(clips), rows(clips))
        slow.set()
        np.testing.assert_allclose(backend.infer(clips), local.infer(clips))
        assert backend.name == local.name
        np.testing.assert_allclose(backend.infer(clips), local.infer(clips))
        slow.clear()
        assert backend.wait(10)
        np.testing.assert_allclose(backend.infer(clips), rows(clips))


@pytest.mark.parametrize("shares", [False, True])
def test_a_server_may_go_and_come_back(connect, shares, caplog):
    clips = windows(2)
    with serving(InferenceServer("small", SHAPE, shares=shares)) as port:
        backend = connect(port)
        backend.infer(clips)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"the server at .* says|no server answers at present"):
            backend.infer(clips)
    assert len(ours()) == shares  # kept for the next
    assert "nothing serves until a server is ready, because" in caplog.text
    with serving(InferenceServer("small", SHAPE, classes=6), port):  # another network meanwhile
        while "where the card needs output ?×5 FP32" not in caplog.text:
            assert not backend.wait(0.01)
    with serving(InferenceServer("small", SHAPE, shares=shares), port):
        assert backend.wait(10)
        np.testing.assert_allclose(backend.infer(clips), rows(clips))
        connect.close(backend)
    assert ours() == set()


def test_the_first_server_that_answers_is_taken(network, connect):
    first, second = (InferenceServer("small", SHAPE, parameters=parameters(network)) for _ in range(2))
    with serving(second) as port:
        with serving(first) as other:
            pass
        connect(f"{other},grpc://127.0.0.1:{port}").infer(windows(1))
    assert len(second.requests) == 2
    with pytest.raises(ModelError, match=r"1:\d+ says: .*; start it.*; the server at .*1:\d+ says: .*; start it"):
        connect(f"{other},grpc://127.0.0.1:{port}")


def test_without_a_server_the_fallback_serves_from_the_start(network, connect):
    server, clips = InferenceServer("small", SHAPE), windows(2)
    with serving(server) as port:
        pass
    backend = connect(port, fallback="openvino")
    np.testing.assert_allclose(backend.infer(clips), load_backend(network, BackendSettings("openvino")).infer(clips))
    with serving(server, port):
        assert backend.wait(10)
        np.testing.assert_allclose(backend.infer(clips), rows(clips))


def test_a_server_that_is_starting_is_not_taken(connect):
    server = InferenceServer("small", SHAPE)
    server.ready = False
    with serving(server) as port, pytest.raises(ModelError, match="is not ready; wait until it has started"):
        connect(port)


def test_what_a_dead_process_left_over_is_removed_and_nothing_else(connect):
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


def test_where_shared_memory_is_exhausted_windows_travel(connect, monkeypatch, caplog):
    def full(file, start, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with serving(InferenceServer("small", SHAPE, shares=True)) as port:
        assert "through gRPC" in connect(port).name
    assert "because there is no room for them" in caplog.text
    assert ours() == set()


def test_a_server_that_cannot_read_what_it_has_mapped_gets_windows_sent(connect, caplog):
    caplog.set_level(logging.DEBUG)
    server = InferenceServer("small", SHAPE, shares=True)
    server.SystemSharedMemoryRegister = lambda request, context: InferenceServer.SystemSharedMemoryUnregister(
        server, request, context
    )
    with serving(server) as port:
        assert "through gRPC" in connect(port).name
    assert "windows do not go through shared memory, because" in caplog.text


def test_a_server_that_is_too_slow_gets_no_more_shared_memory(connect):
    """One that still reads an old window, and so does not let go of the memory, gets the next one there, too."""
    server = InferenceServer("small", SHAPE, shares=True)
    slow = threading.Event()
    server.answer = lambda response, number, context: slow.is_set() and server.stopped.wait(60) and None
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
            while len(server.requests) == asked:  # until it is tried again
                assert not backend.wait(0.01)
            slow.clear()
            assert backend.wait(10)
            np.testing.assert_allclose(backend.infer(windows(2)), rows(windows(2)))
            assert "through shared memory" in backend.name
        assert len(ours()) == len(server.regions) == 1
        connect.close(backend)
        assert len(ours()) == 1  # left over for the next
        in_use.clear()
        connect(port)
        assert len(ours()) == len(server.regions) == 1


@pytest.mark.parametrize(
    "text",
    [
        "http://a:8000",
        "a:8001",
        "grpc://a",
        "grpc://:8001",
        "grpc://a:99999",
        "grpc://a:8001/path",
        "grpc://a:1,",
        "grpc://[",
        "grpc://a\udcff:1",
        "grpc://\0:1",
    ],
)
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(ConfigurationError, match="give grpc://HOST:PORT"):
        addresses(text)


@given(st.text("grpcs:/@[],. 0189a"))
def test_any_text_is_an_address_or_refused(text):
    with suppress(HarError):
        assert all(address.place for address in addresses(text))


def test_addresses_are_read():
    found = addresses("grpc://robot.local:8001, grpcs://[::1]:8002")
    assert list(map(str, found)) == ["grpc://robot.local:8001", "grpcs://[::1]:8002"]
    assert [address.secure for address in found] == [False, True]


def test_parameters_that_contradict_each_other_are_refused(network):
    with pytest.raises(ConfigurationError, match="backend is triton, which needs server"):
        load_backend(network, BackendSettings("triton"))
    with pytest.raises(ConfigurationError, match=r"server is .*, but backend is auto; set backend to triton"):
        load_backend(network, BackendSettings("auto", server="grpc://a:1"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two of this machine's name, of which one is trusted."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("trusted", "other"):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / f"{name}.key"]
        try:
            subprocess.run([*command, "-out", folder / name], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("there is no openssl: apt-get install openssl")
    return folder


def test_a_secure_server_proves_its_name_and_gets_the_token(network, certificates):
    """In a process of its own: gRPC reads once whom it trusts."""

    def token_of(response, number, context):
        if ("authorization", "Bearer right") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is wrong")

    def credentials(name):
        pair = [(certificates / f"{name}.key").read_bytes(), (certificates / name).read_bytes()]
        return grpc.ssl_server_credentials([pair])

    code = """import os, sys
from har_ros.commands.main import main
card, port, other = sys.argv[1:]
tries = ("grpcs", port, "right"), ("grpcs", port, "wrong"), ("grpcs", other, "right"), ("grpc", port, "right")
for scheme, port, os.environ["ACTIONNET_SERVER_TOKEN"] in tries:
    server = f"{scheme}://localhost:{port}"
    print(main(["models", "check", card, "--backend", "triton", "--server", server]), flush=True)
"""
    first, second = (InferenceServer("small", SHAPE, answer=token_of) for _ in range(2))
    with serving(first, credentials=credentials("trusted")) as port, serving(second, 0, credentials("other")) as other:
        ended = subprocess.run(
            [sys.executable, "-c", code, network.path.with_suffix(".yaml"), str(port), str(other)],
            env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificates / "trusted"), "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert [line for line in ended.stdout.splitlines() if len(line) == 1] == ["0", "1", "1", "1"], ended.stderr
    said = [line for line in ended.stderr.splitlines() if line.startswith("actionnet: ")]
    assert "the token is wrong" in said[0]
    assert re.search("CERTIFICATE_VERIFY_FAILED|certificate verify failed", said[1])
    assert "ACTIONNET_SERVER_TOKEN is set, but grpc://localhost" in said[2]
    assert second.requests == []

"""A server of networks as a backend: what it must say of itself, and how windows go there.

The server here is our own; test_triton_server.py runs the real one.
"""

import os
import re
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
import grpc
from certificates import certificate
from http_inference_server import serving_http
from inference_server import SHAPE, InferenceServer, regions, rows, windows
from inference_server import serving as serving_grpc
from waiting import WAIT

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton.address import addresses
from har_ros.backends.triton.contract import parameters
from har_ros.errors import ConfigurationError, HarError, ModelError


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("in_flight", [1, 3])
def test_answers_come_in_order_and_through_shared_memory(network, connect, shares, in_flight, serving, protocol):
    server = InferenceServer("small", SHAPE, shares=shares, parameters=parameters(network))
    clips = windows(7)
    with serving(server) as port:
        backend = connect(port, in_flight=in_flight)
        for _ in range(2):
            np.testing.assert_allclose(backend.infer(clips), rows(clips))
        assert (backend.name, backend.max_batch) == (
            f"Triton at {protocol.lower()}://127.0.0.1:{port} through {'shared memory' if shares else protocol}, "
            "precision of the server",
            in_flight,
        )
        assert bool(regions()) == shares
        assert any(request.raw_input_contents for request in server.requests) != shares
        connect.close(backend)
        assert server.regions == {}
    assert regions() == set()


def test_no_more_than_in_flight_requests_wait_at_a_time(connect, serving):
    waiting, most, lock, both = [0], [0], threading.Lock(), threading.Barrier(2)

    def answer(response, number, context):
        with lock:
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
        if 1 <= number <= 2:  # after the trial: both are there at the same time
            both.wait(WAIT)
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
def test_another_network_under_the_name_is_refused_in_a_sentence(connect, server, said, serving):
    with (
        serving(InferenceServer(**{"name": "small", "shape": SHAPE, **server})) as port,
        pytest.raises(ModelError, match=said) as caught,
    ):
        connect(port)
    assert "\n" not in str(caught.value)


def test_all_that_disagrees_is_said_at_once(connect, serving):
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


def test_a_server_that_shows_no_configuration_is_enough(connect, serving):
    """As one that is not Triton."""
    server = InferenceServer("small", SHAPE)
    server.parameters = None
    with serving(server) as port:
        np.testing.assert_allclose(connect(port).infer(windows(1)), rows(windows(1)))


def test_the_first_server_that_answers_is_taken_whatever_its_protocol(network, connect, serving, protocol):
    first, second = (InferenceServer("small", SHAPE, parameters=parameters(network)) for _ in range(2))
    others, scheme = {"gRPC": (serving_http, "http"), "HTTP": (serving_grpc, "grpc")}[protocol]
    with others(second) as port:
        with serving(first) as other:
            pass
        connect(f"{other},{scheme}://127.0.0.1:{port}").infer(windows(1))
    assert len(second.requests) == 2
    with pytest.raises(ModelError, match=r"1:\d+ says: .*; start it.*; the server at .*1:\d+ says: .*; start it"):
        connect(f"{other},{scheme}://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://a:8000",
        "http://",
        "http://:8000",
        "http://user@a:8000",
        "http://a:8000/path?query",
        "http://a:0",
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
    with pytest.raises(ConfigurationError, match="give grpc://HOST:PORT or http://HOST:PORT"):
        addresses(text)


@given(st.text("grpchts:/@[],. 0189a"))
def test_any_text_is_an_address_or_refused(text):
    with suppress(HarError):
        assert all(address.place for address in addresses(text))


def test_addresses_are_read():
    given = ["grpc://robot.local:8001", "grpcs://[::1]:8002", "http://robot.local:8000", "https://gate/way"]
    found = addresses(", ".join(given))
    assert list(map(str, found)) == given
    assert [address.secure for address in found] == [False, True, False, True]


def test_parameters_that_contradict_each_other_are_refused(network):
    with pytest.raises(ConfigurationError, match="backend is triton, which needs server"):
        load_backend(network, BackendSettings("triton"))
    with pytest.raises(ConfigurationError, match=r"server is .*, but backend is auto; set backend to triton"):
        load_backend(network, BackendSettings("auto", server="grpc://a:1"))


def test_a_secure_server_proves_its_name_and_gets_the_token(network, tmp_path_factory, serving, protocol):
    """In a process of its own: gRPC reads once whom it trusts."""

    def token_of(response, number, context):
        if ("authorization", "Bearer right") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is wrong")

    trusted, unknown = (certificate(tmp_path_factory.mktemp("pair"), "localhost") for _ in range(2))

    def credentials(pair):
        if protocol == "gRPC":
            return grpc.ssl_server_credentials([[path.read_bytes() for path in reversed(pair)]])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        return context

    code = """import os, sys
from har_ros.commands.main import main
card, scheme, port, other = sys.argv[1:]
tries = ("s", port, "right"), ("s", port, "wrong"), ("s", other, "right"), ("", port, "right"), ("s", port, "ri\\nght")
for secure, port, os.environ["ACTIONNET_SERVER_TOKEN"] in tries:
    server = f"{scheme}{secure}://localhost:{port}"
    print(main(["models", "check", card, "--backend", "triton", "--server", server]), flush=True)
"""
    trust = {"gRPC": "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "HTTP": "SSL_CERT_FILE"}[protocol]
    first, second = (InferenceServer("small", SHAPE, answer=token_of) for _ in range(2))
    with serving(first, 0, credentials(trusted)) as port, serving(second, 0, credentials(unknown)) as other:
        card = network.path.with_suffix(".yaml")
        ended = subprocess.run(
            [sys.executable, "-c", code, card, protocol.lower(), str(port), str(other)],
            env={**os.environ, trust: str(trusted[0]), "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert [line for line in ended.stdout.splitlines() if len(line) == 1] == ["0", *4 * ["1"]], ended.stderr
    said = [line for line in ended.stderr.splitlines() if line.startswith("actionnet: ")]
    assert "the token is wrong" in said[0]
    assert re.search("CERTIFICATE_VERIFY_FAILED|certificate verify failed", said[1])
    clear = f"ACTIONNET_SERVER_TOKEN is set, but {protocol.lower()}://localhost:{port} is not encrypted; use"
    assert f"{clear} {protocol.lower()}s://" in said[2]
    assert "ACTIONNET_SERVER_TOKEN has characters that no bearer token has" in said[3]
    assert second.requests == []

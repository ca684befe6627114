"""Continual networks on the real Triton, which keeps a state for each camera: as in process."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from continual_cameras import FIRST, STEP, assert_same, backend_of, exported, probabilities, push, shown
from jpeg_windows import decoded
from triton_wheel import NEEDS_SERVER
from waiting import WAIT

from har_ros.backends.triton import backend, jpeg, wire
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.wheel import running
from har_ros.errors import ModelError

pytestmark = NEEDS_SERVER


@pytest.fixture
def reached(server, protocol):
    """The server, as it is reached through the protocol."""
    return SimpleNamespace(address={"gRPC": server.address, "HTTP": server.http}[protocol])


def test_a_real_clip_has_the_answers_of_the_local_network(reached, connect, film):
    here, there = connect(), connect(reached)
    expected = shown(here, here.stream(), film[0], range(18))
    assert "through shared memory" in backend_of(there).name
    assert expected[:FIRST] == [None] * FIRST
    assert np.ptp(expected[FIRST:], axis=0).max() > 1e-3  # or another order would be as good
    assert_same(shown(there, there.stream(), film[0], range(18)), expected)


def test_without_shared_memory_the_answers_are_the_same(reached, protocol, connect, film, monkeypatch):
    def elsewhere(client, region):
        raise ModelError("another machine")

    monkeypatch.setattr(Client, "share", elsewhere)
    here, there = connect(), connect(reached)
    assert f"through {protocol}" in backend_of(there).name
    assert_same(shown(there, there.stream(), film[0], range(12)), shown(here, here.stream(), film[0], range(12)))


def test_steps_as_jpeg_have_the_answers_to_what_is_left_of_them(server, connect, film):
    here, there = backend_of(connect()), backend_of(connect(server, transport="jpeg"))
    assert "through gRPC as JPEG" in there.name
    states = here.new_state(), there.new_state()
    for state in states:
        state.reset()
    for frames in np.array([cv2.resize(frame, (16, 16)) for frame in film[0][: 12 * STEP]]).reshape(
        12, STEP, 16, 16, 3
    ):
        expected = here.infer([decoded(jpeg.encode(frames), frames.shape)], states[:1])
        np.testing.assert_allclose(there.infer([frames], states[1:]), expected, atol=1e-4)
    there.close()


@pytest.mark.parametrize("in_flight", [1, 3])
def test_cameras_that_take_turns_do_not_mix(server, connect, film, in_flight):
    """One of them comes in larger pieces; another process of the robot's has the same network."""
    here, there, other = connect(), connect(server, in_flight=in_flight), connect(server)
    cameras, found = [there.stream() for _ in range(3)], [[], [], []]
    strange = other.stream()
    for step in range(14):
        push(cameras[0], film[0], step)
        push(cameras[1], film[1], step)
        if step % 2:
            push(cameras[2], film[1], 20 + step - 1)
            push(cameras[2], film[1], 20 + step)
        shown(other, strange, film[1], [step])
        for results, result in zip(found, there.recognize(cameras), strict=True):
            results.append(probabilities(result))
    assert_same(found[0], shown(here, here.stream(), film[0], range(14)))
    assert_same(found[1], shown(here, here.stream(), film[1], range(14)))
    assert_same([found[2][-1]], shown(here, here.stream(), film[1], range(20, 34))[-1:])


def test_a_camera_that_goes_makes_room_on_the_server(card, connect, film, tmp_path, monkeypatch):
    """The server keeps one state, and the next camera's first step would wait for it."""
    monkeypatch.setattr(wire, "PATIENCE", WAIT)  # a busy machine may need more than the second
    monkeypatch.setattr(backend, "ENDING", WAIT)
    options = ["--runner", "python", "--precision", "f32", "--streams", "1"]
    with running(exported(card, tmp_path, *options)) as server:
        here = connect()
        expected = shown(here, here.stream(), film[0], range(11))
        for _ in range(2):  # the second finds what the first one has left
            there = connect(server)
            for _ in range(2):
                assert_same(shown(there, there.stream(), film[0], range(11)), expected)
            there.close()

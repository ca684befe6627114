"""What becomes of cameras' states on a server when steps are lost or late, and when the server goes or forgets."""

from contextlib import ExitStack
from threading import Event

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from continual_cameras import FIRST, NAME, STEP, address_of, assert_same, backend_of, exported, shown
from inference_server import InferenceServer, deadline_only_while, late_while, serving
from killed_server import kill
from triton_wheel import NEEDS_SERVER
from waiting import WAIT, wait_until

from har_ros.backends.triton import repository
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.wheel import running
from har_ros.errors import ModelError
from har_ros.frames.sampling import StreamSettings


@NEEDS_SERVER
def test_after_a_gap_nothing_of_the_old_state_is_left(server, connect, film):
    there = connect(server)
    stream = there.stream()
    shown(there, stream, film[0], range(12))
    after, fresh = shown(there, stream, film[1], range(12), at=1000), shown(there, there.stream(), film[1], range(12))
    assert after == fresh
    assert after[FIRST] is not None
    assert stream.gaps == 1


@NEEDS_SERVER
def test_a_server_that_is_killed_and_started_again_is_a_gap(repository_of, connect, film):
    with ExitStack() as first:
        server = first.enter_context(running(repository_of))
        here, there = connect(), connect(server)
        stream, port = there.stream(), int(server.address.place.rpartition(":")[2])
        expected = shown(here, here.stream(), film[0], range(12))
        assert_same(shown(there, stream, film[0], range(12)), expected)
        kill(server)
    for step in (12, 13):
        with pytest.raises(ModelError, match=r"the server at .* says|no server answers at present"):
            shown(there, stream, film[0], [step])
    with running(repository_of, port):
        assert backend_of(there).wait(WAIT)
        begun = shown(there, stream, film[0], range(14, 26))
        assert_same(begun, shown(here, here.stream(), film[0], range(14, 26)))
        assert begun[:FIRST] == [None] * FIRST


def lost(row):
    """Let the next step have no answer, though the server may have taken it."""
    due = [True]

    def once(client, name, taken, number, step=None):
        answer = row(client, name, taken, number, step)
        if due.pop() if due else False:
            raise ModelError("the answer is lost")
        return answer

    return once


@NEEDS_SERVER
def test_a_lost_step_is_a_gap_for_all_cameras(server, connect, film, monkeypatch):
    here, there = connect(), connect(server)
    stream, other = there.stream(), there.stream()
    for one in (stream, other):
        shown(there, one, film[0], range(12))
    with monkeypatch.context() as patch:
        patch.setattr(Client, "row", lost(Client.row))
        with pytest.raises(ModelError, match="the answer is lost"):
            shown(there, stream, film[0], [12])
        assert backend_of(there).wait(WAIT)
    expected = shown(here, here.stream(), film[0], range(13, 25))
    assert_same(shown(there, stream, film[0], range(13, 25)), expected)
    assert_same(shown(there, other, film[0], range(12, 24)), shown(here, here.stream(), film[0], range(12, 24)))
    assert (stream.gaps, other.gaps) == (0, 1)  # the first counts a window that failed


def test_a_step_that_is_late_ends_its_sequence(connect, film, monkeypatch):
    """Nothing but its end is sent afterwards: the late step cannot get between those of the next sequence."""
    found, late = InferenceServer(NAME, (STEP, 16, 16, 3), idle=10**8), Event()
    deadline_only_while(late, monkeypatch)
    late_while(late, found)
    with serving(found) as port:
        there = connect(address_of(port), deadline=2.0)
        stream = there.stream()
        shown(there, stream, film[0], range(4))
        before = len(found.requests)
        late.set()
        with pytest.raises(ModelError, match="does not answer within the deadline"):
            shown(there, stream, film[0], [4])
        late.clear()
        assert backend_of(there).wait(WAIT)
        shown(there, stream, film[0], range(5, 8))
    steps = list(map(step_of, found.requests))
    old, steps = steps[before][0], steps[before + 1 :]
    assert {(start, end) for number, start, end in steps if number == old} <= {(False, True)}
    new = steps[-1][0]
    assert [(start, end) for number, start, end in steps if number == new] == [(True, False), *2 * [(False, False)]]
    assert new != old


def step_of(request):
    given = request.parameters
    return given["sequence_id"].int64_param, given["sequence_start"].bool_param, given["sequence_end"].bool_param


@NEEDS_SERVER
def test_a_sequence_that_the_server_does_not_know_is_refused_and_begins_again(server, connect, film):
    here, there = connect(), connect(server)
    stream = there.stream()
    shown(there, stream, film[0], range(12))
    stream.memory.state.served._number += 1
    with pytest.raises(ModelError, match="must specify the START flag"):
        shown(there, stream, film[0], [12])
    assert backend_of(there).wait(WAIT)
    assert_same(shown(there, stream, film[0], range(13, 25)), shown(here, here.stream(), film[0], range(13, 25)))


@NEEDS_SERVER
def test_a_camera_that_pauses_until_the_server_forgets_it_begins_again(card, connect, film, tmp_path, monkeypatch):
    """Without a limit of its own for gaps, and without a step that fails."""
    monkeypatch.setattr(repository, "IDLE", 6.0)  # more than a busy machine pauses between two steps
    with running(exported(card, tmp_path, "--runner", "python", "--precision", "f32")) as server:
        here, there = connect(), connect(server)
        stream = there.stream(StreamSettings(max_gap=0.0))
        shown(there, stream, film[0], range(4))
        wait_until(lambda: not stream.memory.state.kept)
        assert_same(shown(there, stream, film[0], range(4, 16)), shown(here, here.stream(), film[0], range(4, 16)))
        assert stream.gaps == 1


@NEEDS_SERVER
def test_the_robots_own_network_serves_meanwhile_and_begins_empty(repository_of, connect, film):
    with ExitStack() as first:
        server = first.enter_context(running(repository_of))
        here, there = connect(), connect(server, fallback="openvino")
        stream, port = there.stream(), int(server.address.place.rpartition(":")[2])
        shown(there, stream, film[0], range(12))
        kill(server)
    with pytest.raises(ModelError, match="says"):
        shown(there, stream, film[0], [12])
    expected = shown(here, here.stream(), film[0], range(13, 25))
    np.testing.assert_allclose(shown(there, stream, film[0], range(13, 25))[FIRST:], expected[FIRST:], atol=0.05)
    assert backend_of(there).name.startswith("OpenVINO on CPU")
    with running(repository_of, port):
        assert backend_of(there).wait(WAIT)
        assert_same(shown(there, stream, film[0], range(25, 37)), shown(here, here.stream(), film[0], range(25, 37)))
        assert backend_of(there).name.startswith("Triton")
    assert stream.gaps == 1

"""Continual networks on the real Triton, which keeps a state for each camera: as in process, whatever happens to it."""

import re
import time
from contextlib import ExitStack
from importlib.util import find_spec
from threading import Event

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from google.protobuf import text_format
from inference_server import InferenceServer, serving
from killed_server import kill
from small_networks import write_card
from streamable_networks import ARCHITECTURES
from tritonclient.grpc.model_config_pb2 import ModelConfig

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton import backend, client, repository
from har_ros.backends.triton.address import Address
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.wheel import INSTALL, WheelServer, running
from har_ros.commands.main import main as actionnet
from har_ros.errors import ModelError
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.networks.continual import in_rows
from har_ros.pipeline.recognizer import Recognizer

SECOND = 1_000_000_000
LOCAL = BackendSettings("openvino", "f32")
STEP, LAG, COLUMNS = 8, 6, 4  # of r3d_18, with windows of 32 frames
FIRST = LAG + COLUMNS - 1
"""Steps without an answer, at first and after each beginning."""
NAME = "small-continual"

pytestmark = pytest.mark.skipif(find_spec("pytriton") is None, reason=f"no server is installed; run: {INSTALL}")


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    onnx.save(ARCHITECTURES["r3d_18"](), folder / "small.onnx")
    spec = {"layout": "NCTHW", "height": 16, "width": 16, "range": [-1, 1]}
    window = {"frames": 32, "minimum_frames": 8, "multiple_of": 8, "sample_rate": 10}
    return write_card(folder, input=spec, window=window, continual=True)


def exported(card, folder, *options):
    assert actionnet(["triton", "export", str(card), "-o", str(folder), *options]) == 0
    return folder


@pytest.fixture(scope="module")
def repository_of(card, tmp_path_factory):
    return exported(card, tmp_path_factory.mktemp("models"), "--runner", "python", "--precision", "f32")


@pytest.fixture(scope="module")
def server(repository_of):
    with running(repository_of) as server:
        yield server


@pytest.fixture
def connect(card):
    """Loads the network, from a server or in process; closed at the end."""
    with ExitStack() as opened:

        def load(server=None, **others):
            there = server and BackendSettings("triton", server=str(server.address), **{"deadline": 30.0, **others})
            return opened.enter_context(Recognizer.open(str(card), there or LOCAL))

        yield load


@pytest.fixture(scope="module")
def film(shared_data):
    """The first 79 frames of a real clip, twice, and the same as it is in a mirror."""
    capture, frames = cv2.VideoCapture(str(shared_data / "cricket.gif")), []
    while (frame := capture.read()[1]) is not None:
        frames.append(np.ascontiguousarray(frame[..., ::-1]))
    frames = 2 * frames[:80]
    return frames, [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]


def address_of(port):
    """Return a server of the test's own for `connect`."""
    return WheelServer(None, Address(f"127.0.0.1:{port}", False), None)


def push(stream, frames, step, at=0.0):
    for i in range(step * STEP, step * STEP + STEP):
        stream.push(CameraImage.of_array(frames[i % len(frames)], round((at + i / 10) * SECOND), "rgb8"))


def shown(recognizer, stream, frames, steps, at=0.0):
    """Show a camera these steps one by one. Returns the answers, None where there is none."""
    given = []
    for step in steps:
        push(stream, frames, step, at)
        given += recognizer.recognize([stream])
    return [probabilities(result) for result in given]


def probabilities(result):
    if result is None:
        return None
    found = {h.label: h.score for h in result.prediction.hypotheses}
    return [found[f"class {i}"] for i in range(5)]


def assert_same(given, expected):
    assert [one is None for one in given] == [one is None for one in expected]
    np.testing.assert_allclose(
        [one for one in given if one is not None], [one for one in expected if one is not None], atol=1e-4
    )


def backend_of(recognizer):
    return recognizer.network.backend


def test_a_real_clip_has_the_answers_of_the_local_network(server, connect, film):
    here, there = connect(), connect(server)
    expected = shown(here, here.stream(), film[0], range(18))
    assert "through shared memory" in backend_of(there).name
    assert expected[:FIRST] == [None] * FIRST
    assert np.ptp(expected[FIRST:], axis=0).max() > 1e-3  # or another order would be as good
    assert_same(shown(there, there.stream(), film[0], range(18)), expected)


def test_without_shared_memory_the_answers_are_the_same(server, connect, film, monkeypatch):
    def elsewhere(client, region):
        raise ModelError("another machine")

    monkeypatch.setattr(Client, "share", elsewhere)
    here, there = connect(), connect(server)
    assert "through gRPC" in backend_of(there).name
    assert_same(shown(there, there.stream(), film[0], range(12)), shown(here, here.stream(), film[0], range(12)))


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


def test_after_a_gap_nothing_of_the_old_state_is_left(server, connect, film):
    there = connect(server)
    stream = there.stream()
    shown(there, stream, film[0], range(12))
    after, fresh = shown(there, stream, film[1], range(12), at=1000), shown(there, there.stream(), film[1], range(12))
    assert after == fresh
    assert after[FIRST] is not None
    assert stream.gaps == 1


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
        assert backend_of(there).wait(60)
        begun = shown(there, stream, film[0], range(14, 26))
        assert_same(begun, shown(here, here.stream(), film[0], range(14, 26)))
        assert begun[:FIRST] == [None] * FIRST


def lost(row):
    """Let the next step have no answer, though the server may have taken it."""
    due = [True]

    def once(client, name, window, number, place, step=None):
        answer = row(client, name, window, number, place, step)
        if due.pop() if due else False:
            raise ModelError("the answer is lost")
        return answer

    return once


def test_a_lost_step_is_a_gap_for_all_cameras(server, connect, film, monkeypatch):
    here, there = connect(), connect(server)
    stream, other = there.stream(), there.stream()
    for one in (stream, other):
        shown(there, one, film[0], range(12))
    with monkeypatch.context() as patch:
        patch.setattr(Client, "row", lost(Client.row))
        with pytest.raises(ModelError, match="the answer is lost"):
            shown(there, stream, film[0], [12])
        assert backend_of(there).wait(10)
    expected = shown(here, here.stream(), film[0], range(13, 25))
    assert_same(shown(there, stream, film[0], range(13, 25)), expected)
    assert_same(shown(there, other, film[0], range(12, 24)), shown(here, here.stream(), film[0], range(12, 24)))
    assert (stream.gaps, other.gaps) == (0, 1)  # the first counts a window that failed


def test_a_step_that_is_late_ends_its_sequence(connect, film):
    """Nothing but its end is sent afterwards: the late step cannot get between those of the next sequence."""
    found, late = InferenceServer(NAME, (STEP, 16, 16, 3), idle=10**8), Event()
    found.answer = lambda response, number, context: late.is_set() and found.stopped.wait(60) and None
    with serving(found) as port:
        there = connect(address_of(port), deadline=0.5)
        stream = there.stream()
        shown(there, stream, film[0], range(4))
        late.set()
        with pytest.raises(ModelError, match="does not answer within the deadline"):
            shown(there, stream, film[0], [4])
        before = len(found.requests)
        late.clear()
        assert backend_of(there).wait(10)
        shown(there, stream, film[0], range(5, 8))
    steps = list(map(step_of, found.requests))
    old, steps = steps[before - 1][0], steps[before:]
    assert {(start, end) for number, start, end in steps if number == old} <= {(False, True)}
    new = steps[-1][0]
    assert [(start, end) for number, start, end in steps if number == new] == [(True, False), *2 * [(False, False)]]
    assert new != old


def step_of(request):
    given = request.parameters
    return given["sequence_id"].int64_param, given["sequence_start"].bool_param, given["sequence_end"].bool_param


def test_a_sequence_that_the_server_does_not_know_is_refused_and_begins_again(server, connect, film):
    here, there = connect(), connect(server)
    stream = there.stream()
    shown(there, stream, film[0], range(12))
    stream.memory.state.served._number += 1
    with pytest.raises(ModelError, match="must specify the START flag"):
        shown(there, stream, film[0], [12])
    assert backend_of(there).wait(10)
    assert_same(shown(there, stream, film[0], range(13, 25)), shown(here, here.stream(), film[0], range(13, 25)))


def test_a_camera_that_pauses_until_the_server_forgets_it_begins_again(card, connect, film, tmp_path, monkeypatch):
    """Without a limit of its own for gaps, and without a step that fails."""
    monkeypatch.setattr(repository, "IDLE", 0.5)
    with running(exported(card, tmp_path, "--runner", "python", "--precision", "f32")) as server:
        here, there = connect(), connect(server)
        stream = there.stream(StreamSettings(max_gap=0.0))
        shown(there, stream, film[0], range(4))
        end = time.monotonic() + 10
        while stream.memory.state.kept:
            assert time.monotonic() < end
            Event().wait(0.01)
        assert_same(shown(there, stream, film[0], range(4, 16)), shown(here, here.stream(), film[0], range(4, 16)))
        assert stream.gaps == 1


def test_a_camera_that_goes_makes_room_on_the_server(card, connect, film, tmp_path, monkeypatch):
    """The server keeps one state, and the next camera's first step would wait for it."""
    monkeypatch.setattr(client, "PATIENCE", 20.0)  # a busy machine may need more than the second
    monkeypatch.setattr(backend, "ENDING", 20.0)
    options = ["--runner", "python", "--precision", "f32", "--streams", "1"]
    with running(exported(card, tmp_path, *options)) as server:
        here = connect()
        expected = shown(here, here.stream(), film[0], range(11))
        for _ in range(2):  # the second finds what the first one has left
            there = connect(server, deadline=20.0)
            for _ in range(2):
                assert_same(shown(there, there.stream(), film[0], range(11)), expected)
            there.close()


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
        assert backend_of(there).wait(60)
        assert_same(shown(there, stream, film[0], range(25, 37)), shown(here, here.stream(), film[0], range(25, 37)))
        assert backend_of(there).name.startswith("Triton")
    assert stream.gaps == 1


STAND_IN = """
class TritonPythonModel:
    def execute(self, requests):
        return []
"""


@pytest.mark.parametrize("runner", ["onnxruntime", "tensorrt"])
def test_an_onnx_networks_state_is_the_servers_own(card, tmp_path, runner):
    """ONNX Runtime, here, gives the local answers when each state follows on the one before, zeros first.

    Triton reads this configuration, with another backend that stands in for the one that is not there.
    """
    folder = exported(card, tmp_path, "--runner", runner) / NAME
    config = text_format.Parse((folder / "config.pbtxt").read_text(), ModelConfig())
    assert not config.HasField("dynamic_batching")
    assert (config.backend, config.sequence_batching.oldest.max_candidate_sequences) == ("onnxruntime", 32)
    states = config.sequence_batching.state
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx")
    kept = {}
    for state in states:
        [zeros] = state.initial_state
        assert zeros.zero_data
        assert (zeros.data_type, list(zeros.dims)) == (state.data_type, list(state.dims))
        kept[state.input_name] = np.zeros((2, *state.dims), np.float32)
    (network,) = map(in_rows, prepared_networks(find_model(str(card)), 0, True))
    local = load_backend(network, LOCAL)
    streams = [local.new_state() for _ in range(2)]
    for frames in np.random.default_rng(0).integers(0, 256, (12, 2, *network.shape), np.uint8):
        names = ["output", *(state.output_name for state in states)]
        rows, *following = session.run(names, {"frames": frames, **kept})
        np.testing.assert_allclose(rows, local.infer(list(frames), streams), atol=1e-4)
        kept = dict(zip(kept, following, strict=True))
    config.backend = "python"
    config.ClearField("optimization")
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))
    (folder / "1" / "model.py").write_text(STAND_IN)
    with running(tmp_path) as server:
        assert re.search(f"successfully loaded '{NAME}'", server.log())


def test_what_keeps_no_state_is_refused(card, tmp_path, connect, capsys):
    assert actionnet(["triton", "export", str(card), "-o", str(tmp_path), "--runner", "openvino"]) == 1
    assert "keeps a state, which a server's own openvino does not; use --runner python" in " ".join(
        capsys.readouterr().err.split()
    )
    found = InferenceServer(NAME, (STEP, 16, 16, 3))
    with (
        serving(found) as port,
        pytest.raises(ModelError, match=r"it keeps no state \(sequence_batching\), which a continual network needs"),
    ):
        connect(address_of(port))

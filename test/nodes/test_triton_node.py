"""A node whose network runs on a server that goes away."""

import onnx
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from inference_server import InferenceServer, serving
from killed_server import kill
from small_networks import write_card
from streamable_networks import ARCHITECTURES
from triton_wheel import NEEDS_SERVER
from waiting import WAIT

from har_ros.backends.triton import wire
from har_ros.backends.triton.wheel import running
from har_ros.commands.main import main as actionnet


@pytest.mark.parametrize("fallback", ["none", "openvino"])
def test_a_server_that_goes_away_costs_windows_or_the_robots_own_time(robot, fallback):
    server = InferenceServer("brightness", (4, 8, 8, 3), classes=4)
    with serving(server) as port:
        robot = robot(backend="triton", server=f"grpc://127.0.0.1:{port}", fallback=fallback, deadline=60.0)
        camera = robot.inner(robot.cameras[0])
        [window] = robot.show(robot.cameras[0], 64, 64, 64, 64)
        assert [hypothesis.score for hypothesis in window.hypotheses] == [0.25] * 4
        assert window.backend == robot.node.recognizer.network.backend.name
        assert window.backend.startswith(f"Triton at grpc://127.0.0.1:{port} through gRPC")
    robot.push(robot.cameras[0], 64)
    if fallback == "none":
        robot.ros.until(lambda: camera.windows_failed, "the failure of a window")
        assert f"the server at grpc://127.0.0.1:{port} says" in robot.node.active.worker.last_error
    else:
        assert robot.ros.receive(robot.windows, "a window").backend.startswith("OpenVINO on CPU")
        assert robot.node.recognizer.network.backend.name.startswith("OpenVINO on CPU")
        assert camera.windows_failed == 0
    with serving(server, port):
        count = len(server.requests)

        def served():
            robot.push(robot.cameras[0], 64)
            return len(server.requests) > count + 1 and camera.windows > 1  # after the black window that tries it

        robot.ros.until(served, "a window that the server answers")
        assert robot.node.active.worker.last_error == ""


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Questions about a server wait for a busy machine."""
    monkeypatch.setattr(wire, "PATIENCE", WAIT)


@NEEDS_SERVER
def test_a_continual_networks_answers_come_back_with_its_server(robot, tmp_path):
    """The real one is killed, and another starts in its place; the window fills from the beginning."""
    onnx.save(ARCHITECTURES["r3d_18"](), tmp_path / "small.onnx")
    spec = {"layout": "NCTHW", "height": 16, "width": 16, "range": [-1, 1]}
    card, repository = write_card(tmp_path, input=spec, window={"frames": 16}, continual=True), tmp_path / "models"
    assert actionnet(["triton", "export", str(card), "-o", str(repository), "--runner", "python"]) == 0
    with running(repository) as server:
        robot = robot(model=str(card), backend="triton", server=str(server.address), deadline=60.0)
        camera = robot.inner(robot.cameras[0])

        def until(condition, what):
            def met():
                robot.push(robot.cameras[0], 64)
                return condition()

            robot.ros.until(met, what)

        until(lambda: camera.windows, "an answer")
        assert camera.stream.fill == camera.stream.length
        kill(server)
        until(lambda: camera.windows_failed, "the failure of a step")
    with running(repository, int(server.address.place.rpartition(":")[2])):
        windows = camera.windows
        until(lambda: 0 < camera.stream.fill < camera.stream.length, "the first step of another beginning")
        until(lambda: camera.windows > windows, "an answer")
        assert robot.node.active.worker.last_error == ""
        assert robot.node.recognizer.network.backend.name.startswith(f"Triton at {server.address}")

"""A node whose network runs on a server that goes away."""

import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from inference_server import InferenceServer, serving


@pytest.mark.parametrize("fallback", ["none", "openvino"])
def test_a_server_that_goes_away_costs_windows_or_the_robots_own_time(robot, fallback):
    server = InferenceServer("brightness", (4, 8, 8, 3), classes=4)
    with serving(server) as port:
        robot = robot(backend="triton", server=f"grpc://127.0.0.1:{port}", fallback=fallback)
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

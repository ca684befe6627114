from types import SimpleNamespace

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CompressedImage

from har_ros.nodes import diagnostics
from har_ros.nodes.diagnostics import Diagnostics, NetworkInfo

TWO = ("/cam01/image_raw", "/cam02/image_raw")


def statuses(robot, maker):
    node = robot.node
    return maker.message(
        NetworkInfo("brightness", "OpenVINO on CPU, f32", "active"), node.active.worker, list(node.active.cameras)
    ).status


def values(status):
    return {value.key: value.value for value in status.values}


def test_diagnostics_tell_each_cameras_state(robot, monkeypatch):
    robot = robot((*TWO, "/cam03/image_raw", "/cam04/image_raw", "/cam05/image_raw"))
    robot.show(robot.cameras[0], 10, 20, 30, 40)
    robot.show(robot.cameras[1], 10)
    broken = robot.cameras[2]
    broken.show(10, width=0)
    robot.ros.until(lambda: robot.frames(broken), "the arrival of the broken image")
    robot.ros.node.destroy_publisher(robot.cameras[4].publisher)
    robot.ros.until(lambda: not robot.ros.node.count_publishers("/cam05/image_raw"), "the end of the fifth camera")
    maker = Diagnostics(robot.node)
    network, *cameras = statuses(robot, maker)
    assert (network.message, network.level) == ("running", DiagnosticStatus.OK)
    assert (values(network)["backend"], values(network)["precision"]) == ("OpenVINO on CPU", "f32")
    assert [(camera.message, camera.level) for camera in cameras] == [
        ("running", DiagnosticStatus.OK),
        ("warming up: 1/4", DiagnosticStatus.OK),
        (f"failing: {robot.inner(broken).last_error}", DiagnosticStatus.ERROR),
        ("waiting: /cam04/image_raw has a publisher, but no image has come", DiagnosticStatus.WARN),
        ("waiting: nobody publishes /cam05/image_raw", DiagnosticStatus.WARN),
    ]
    assert "the image is empty" in values(cameras[2])["last error"]
    assert (values(cameras[0])["frames"], values(cameras[0])["windows"]) == ("4", "1")
    monkeypatch.setattr(diagnostics, "STALE_AFTER", 0.0)
    network, *cameras = statuses(robot, maker)
    assert network.message == "idle"
    assert [camera.level for camera in cameras[:3]] == [DiagnosticStatus.STALE] * 3
    assert cameras[0].message.startswith("stale: no image for")


def test_a_camera_of_another_type_is_told(robot):
    robot = robot()
    context = rclpy.Context()
    rclpy.init(context=context)
    driver = rclpy.create_node("driver", context=context)
    driver.create_publisher(CompressedImage, "/cam01/image_raw", 1)
    robot.ros.node.destroy_publisher(robot.cameras[0].publisher)
    there = lambda: [i.topic_type for i in robot.node.get_publishers_info_by_topic("/cam01/image_raw")]  # noqa: E731
    robot.ros.until(lambda: there() == ["sensor_msgs/msg/CompressedImage"], "the discovery of the other type")
    _, camera = statuses(robot, Diagnostics(robot.node))
    assert camera.message == (
        "waiting: /cam01/image_raw is sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image; check image_transport"
    )
    driver.destroy_node()
    context.try_shutdown()


def test_a_state_is_logged_when_it_changes_and_not_again(robot, monkeypatch):
    robot = robot()
    lines = []
    logger = SimpleNamespace(info=lambda text: lines.append(("info", text)), warning=lambda text: lines.append(text))
    robot.push(robot.cameras[0], 10)
    maker = Diagnostics(robot.node)
    monkeypatch.setattr(robot.node, "get_logger", lambda: logger)
    for _ in range(3):
        statuses(robot, maker)
    monkeypatch.setattr(diagnostics, "STALE_AFTER", 0.0)
    for _ in range(3):
        statuses(robot, maker)
    assert lines == [("info", "/cam01/image_raw: warming up (1/4)"), "/cam01/image_raw: stale (no image for 0 s)"]


def test_rates_are_over_the_time_since_the_last_message(robot, monkeypatch):
    robot = robot()

    maker = Diagnostics(robot.node)
    maker._last = 96.0
    monkeypatch.setattr(diagnostics.time, "monotonic", lambda: 100.0)
    robot.inner(robot.cameras[0]).frames = 60
    robot.node.active.worker.windows = 6
    network, camera = statuses(robot, maker)
    assert (values(camera)["frames per second"], values(network)["windows per second"]) == ("15.0", "1.5")


def test_diagnostics_are_published_in_every_state(robot):
    robot = robot(TWO, autostart=False)
    inbox = robot.ros.inbox(DiagnosticArray, "/diagnostics")
    network = robot.ros.receive(inbox, "diagnostics").status[0]
    assert (network.message, values(network)["lifecycle state"]) == ("unconfigured", "unconfigured")
    for transition, names in (
        ("configure", ["actionnet: network"]),
        ("activate", ["actionnet: network", "actionnet: /cam01/image_raw", "actionnet: /cam02/image_raw"]),
    ):
        assert robot.change(transition)[0]
        while not inbox.empty():
            inbox.get()
        assert [status.name for status in robot.ros.receive(inbox, "diagnostics").status] == names

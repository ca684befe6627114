import re
from types import SimpleNamespace

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CompressedImage

from har_ros.nodes import diagnostics
from har_ros.nodes.actionnet import ActionNet
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
    monkeypatch.setattr(diagnostics, "DISCOVERY", 0.0)
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


def test_a_camera_of_another_type_is_named(robot):
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
    arrived = robot.inner(robot.cameras[0]).last_arrival
    maker = Diagnostics(robot.node)
    monkeypatch.setattr(robot.node, "get_logger", lambda: logger)
    for _ in range(3):
        statuses(robot, maker)
    with monkeypatch.context() as patched:
        patched.setattr(diagnostics.time, "monotonic", lambda: arrived + 3)
        patched.setattr(diagnostics, "STALE_AFTER", 2.0)
        for _ in range(3):
            statuses(robot, maker)
    assert lines == [("info", "/cam01/image_raw: warming up (1/4)"), "/cam01/image_raw: stale (no image for 3 s)"]


def test_rates_are_over_the_time_since_the_last_message(robot, monkeypatch):
    robot, now = robot(), [96.0]
    monkeypatch.setattr(diagnostics.time, "monotonic", lambda: now[0])
    maker = Diagnostics(robot.node)
    now[0] = 100.0
    robot.inner(robot.cameras[0]).frames = 60
    robot.node.active.worker.windows = 6
    network, camera = statuses(robot, maker)
    assert (values(camera)["frames per second"], values(network)["windows per second"]) == ("15.0", "1.5")
    keys = ("Events in window", "Events since startup", "Duration of window (s)", "Actual frequency (Hz)")
    assert [values(camera)[key] for key in keys] == ["60", "60", "4.000000", "15.000000"]
    assert [values(network)[key] for key in keys] == ["6", "6", "4.000000", "1.500000"]


def test_diagnostics_are_published_in_every_state(robot):
    robot = robot(TWO, autostart=False)
    inbox = robot.ros.inbox(DiagnosticArray, "/diagnostics")
    network = robot.ros.receive(inbox, "diagnostics").status[0]
    assert (network.message, values(network)["lifecycle state"]) == ("unconfigured", "unconfigured")
    for transition, names in (
        ("configure", ["/actionnet: network"]),
        ("activate", ["/actionnet: network", "/actionnet: /cam01/image_raw", "/actionnet: /cam02/image_raw"]),
    ):
        assert robot.change(transition)[0]
        while not inbox.empty():
            inbox.get()
        assert [status.name for status in robot.ros.receive(inbox, "diagnostics").status] == names


def test_nodes_in_namespaces_have_names_of_their_own(ros, brightness_card):
    names, topic = [], "/cam01/image_raw"
    overrides = [rclpy.Parameter("model", value=str(brightness_card)), rclpy.Parameter("image_topics", value=[topic])]
    for namespace in ("/robot1", "/robot2"):
        node = ActionNet(parameter_overrides=overrides, namespace=namespace)
        node.start()
        names += [status.name for status in statuses(SimpleNamespace(node=node), Diagnostics(node))]
        node.stop()
        node.destroy_node()
    assert names == [f"/{robot}/actionnet: {what}" for robot in ("robot1", "robot2") for what in ("network", topic)]


def test_a_publisher_that_is_not_found_is_no_fault_while_discovery_goes_on(robot, monkeypatch, capfd):
    robot = robot()
    robot.ros.node.destroy_publisher(robot.cameras[0].publisher)
    robot.ros.until(lambda: not robot.ros.node.count_publishers("/cam01/image_raw"), "the end of the camera")
    maker = Diagnostics(robot.node)
    assert statuses(robot, maker)[1].level == DiagnosticStatus.OK
    assert "nobody publishes" not in "".join(line for line in capfd.readouterr().err.splitlines() if "WARN" in line)
    monkeypatch.setattr(diagnostics, "DISCOVERY", 0.0)
    assert statuses(robot, maker)[1].level == DiagnosticStatus.WARN
    assert re.search(r"\[WARN\].*nobody publishes /cam01/image_raw", capfd.readouterr().err)


def test_the_last_error_is_gone_after_recovery(robot, monkeypatch):
    robot = robot()
    (camera,) = robot.cameras
    maker = Diagnostics(robot.node)
    error = lambda: values(statuses(robot, maker)[1])["last error"]  # noqa: E731
    robot.push(camera, 10, width=0)
    assert "the image is empty" in error()
    run = robot.node.recognizer.network.run
    monkeypatch.setattr(robot.node.recognizer.network, "run", lambda *_: 1 / 0)
    for value in (10, 20, 30, 40):
        robot.push(camera, value)
    robot.ros.until(lambda: robot.inner(camera).windows_failed, "the failure of a window")
    assert "division by zero" in error()
    monkeypatch.setattr(robot.node.recognizer.network, "run", run)
    robot.show(camera, 50)
    assert error() == ""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from har_ros.nodes.diagnostics import Diagnostics

TWO = ("/cam01/image_raw", "/cam02/image_raw")


def test_diagnostics_tell_each_cameras_state(robot):
    robot = robot((*TWO, "/cam03/image_raw"))
    robot.show(robot.cameras[0], 10, 20, 30, 40)
    robot.show(robot.cameras[1], 10)
    broken = robot.cameras[2]
    broken.show(10, width=0)
    robot.ros.until(lambda: robot.frames(broken), "the arrival of the broken image")
    diagnostics = Diagnostics("brightness", robot.node._recognizer.network, robot.node._cameras)
    network, *cameras = diagnostics.message(robot.node.get_clock()).status
    assert network.values[0].value.startswith("OpenVINO on CPU")
    assert [(camera.message, camera.level) for camera in cameras] == [
        ("running", DiagnosticStatus.OK),
        ("warming up 1/4", DiagnosticStatus.OK),
        ("broken images only", DiagnosticStatus.ERROR),
    ]
    assert {value.key: value.value for value in cameras[0].values}["frames"] == "4"
    _, *cameras = diagnostics.message(robot.node.get_clock()).status
    assert [(camera.message, camera.level) for camera in cameras] == [("no images", DiagnosticStatus.WARN)] * 3


def test_diagnostics_are_published(robot):
    robot = robot(TWO)
    message = robot.ros.receive(robot.ros.inbox(DiagnosticArray, "/diagnostics"), "diagnostics")
    names = ["actionnet: network", "actionnet: /cam01/image_raw", "actionnet: /cam02/image_raw"]
    assert [status.name for status in message.status] == names

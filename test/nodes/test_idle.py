"""A camera in whose picture nothing moves; one image per second, windows of four."""

from array import array

from diagnostic_msgs.msg import DiagnosticArray

STILL = {"data": array("B", [100, 160] * 32)}


def moved(count):
    """A dark thing, in another place each time."""
    pixels = STILL["data"][:]
    for row in range(3):
        pixels[8 * (row + count % 4) : 8 * (row + count % 4) + 4] = array("B", [10] * 4)
    return {"data": pixels}


def ends(robot, camera, pictures):
    """Show pictures; return the stamps at which a window ended that the network got, and these windows' `idle`."""
    found = {}
    inner = robot.inner(camera)
    for picture in pictures:
        left_out = inner.stream.windows_idle
        robot.push(camera, 0, **picture)
        if inner.stream.fill == inner.stream.length and inner.stream.windows_idle == left_out:
            window = robot.ros.receive(robot.windows, "a window")
            found[window.window_end.sec] = window.idle
    assert robot.windows.empty()
    return found


def test_an_idle_camera_has_few_windows_until_something_moves(robot):
    robot = robot(idle="auto", max_gap=60.0)
    (camera,) = robot.cameras
    health = robot.ros.inbox(DiagnosticArray, "/diagnostics")
    assert ends(robot, camera, [STILL] * 10) == {104: False, 106: True, 108: True, 110: True}
    message = robot.ros.first(health, lambda one: "idle" in one.status[1].message, "an idle camera").status[1].message
    assert message == "running: idle, nothing has moved for 9 s"
    assert ends(robot, camera, [moved(i) for i in range(3)]) == {111: False, 112: False, 113: False}
    robot.ros.first(health, lambda one: one.status[1].message == "running", "a camera that is not idle")
    assert ends(robot, camera, [STILL] * 2) == {114: False, 115: False}


def test_idle_is_switched_on_and_off_while_the_node_runs(robot):
    robot = robot(max_gap=60.0)
    (camera,) = robot.cameras
    assert len(ends(robot, camera, [STILL] * 8)) == 5
    assert robot.set(idle="auto") == ""
    assert list(ends(robot, camera, [STILL] * 9)) == [109, 110, 111, 112, 114, 116]
    assert "give one of off, auto" in robot.set(idle="yes")
    assert robot.set(idle=False) == ""  # what YAML makes of off
    assert len(ends(robot, camera, [STILL] * 4)) == 4

"""The nodes in the documentation run as printed."""

import select
import signal
import subprocess
import sys

from documents import blocks
from rclpy.action import ActionServer
from std_msgs.msg import Header
from vision_msgs.msg import (
    Classification,
    Detection2D,
    Detection2DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
)
from waiting import WAIT

from har_ros.action import WaitForAction
from har_ros.msg import ActionEvent


def test_the_node_runs_as_printed(ros):
    header = Header(frame_id="cam01")
    best, other = ObjectHypothesis(class_id="waving", score=0.75), ObjectHypothesis(class_id="other")
    messages = [Classification(header=header), Classification(header=header, results=[best, other])]
    assert printed_after(ros, Classification, "actions", messages) == "cam01 waving 0.75\n"


def test_the_node_for_people_runs_as_printed(ros):
    header = Header(frame_id="cam01")
    results = [
        ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id=one, score=0.5)) for one in ("waving", "x")
    ]
    people = [Detection2D(id="p1_1"), Detection2D(id="p1_2", results=results)]
    messages = [Detection2DArray(header=header), Detection2DArray(header=header, detections=people)]
    assert printed_after(ros, Detection2DArray, "actions/persons", messages) == "cam01 p1_2 waving 0.5\n"


def test_the_client_that_waits_runs_as_printed(ros, tmp_path):
    """The server succeeds at once, with an event of a camera."""

    def serve(handle):
        assert (handle.request.class_ids, handle.request.timeout.sec) == (["waving"], 30)
        handle.succeed()
        return WaitForAction.Result(seen=True, event=ActionEvent(image_topic="/cam01/image_raw"))

    server = ActionServer(ros.node, WaitForAction, "/actions/wait_for", serve)
    [printed] = [block.text for block in blocks("python") if "ActionClient" in block.text]
    command = [sys.executable, "-c", printed]  # elsewhere: beside the sources there is no generated har_ros.action
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            ros.until(lambda: process.poll() is not None, "the end of the printed client")
            assert process.stdout.read() == "/cam01/image_raw\n"
        finally:
            process.kill()
            server.destroy()


def test_the_node_for_events_runs_as_printed(ros):
    going_on, started = (
        ActionEvent(track_id="p_1", class_id="waving", state=state)
        for state in (ActionEvent.GOING_ON, ActionEvent.STARTED)
    )
    assert printed_after(ros, ActionEvent, "actions/events", [going_on, started]) == "p_1 waving\n"


def test_the_client_for_parameters_and_diagnostics_runs_as_printed(ros, robot):
    robot = robot()
    [printed] = [block.text for block in blocks("python") if "AsyncParameterClient(" in block.text]
    lines = []
    with subprocess.Popen([sys.executable, "-u", "-c", printed], cwd="/", stdout=subprocess.PIPE, text=True) as process:

        def says():
            if _says(process):
                lines.append(process.stdout.readline())
            return len(lines) == 2

        try:
            ros.until(says, "two lines of the printed client")
        finally:
            process.kill()
    assert lines[0] == "threshold is 0.3\n"
    assert lines[1].startswith("/actionnet: network ")
    assert robot.node.active.worker.score_settings.threshold == 0.3


def printed_after(ros, kind, topic, messages):
    """Return the first line of the one printed node that subscribes to this; the first message prints nothing.

    Ctrl-C ends it without a traceback.
    """
    subscribes = f'{kind.__name__}, "{topic}"'
    [printed] = [block.text for block in blocks("python") if subscribes in " ".join(block.text.split())]
    publisher = ros.node.create_publisher(kind, f"/{topic}", 10)
    command = [sys.executable, "-u", "-c", printed]  # unbuffered: its output is no terminal
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd="/", stdout=pipe, stderr=pipe, text=True) as process:  # see above
        try:
            ros.until(publisher.get_subscription_count, "the printed node's subscription")
            ros.until(lambda: _publish(publisher, messages) or _says(process), "a line of the printed node")
            line = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=WAIT)[1]
            assert "KeyboardInterrupt" not in said
            assert "ExternalShutdownException" not in said
            return line
        finally:
            process.kill()


def _publish(publisher, messages):
    for message in messages:  # again and again: the node may not have found the publisher yet
        publisher.publish(message)


def _says(process):
    return select.select([process.stdout], [], [], 0)[0]

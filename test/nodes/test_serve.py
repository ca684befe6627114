"""The server beside a real node: its cameras are watched and its actions heard over HTTP."""

import json
import queue
import signal
import socket
from contextlib import contextmanager, suppress
from threading import Thread

import cv2
import numpy as np
import pytest
from chromium import serving
from mjpeg import images
from programs import program, running
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from waiting import WAIT

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx

from har_ros.commands.serve import parser
from har_ros.errors import ConfigurationError
from har_ros.msg import ActionEvent
from har_ros.nodes import robot_view
from har_ros.nodes.conversions import image_message
from har_ros.nodes.robot_view import RobotView
from har_ros.nodes.serve import Serve
from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings

TOPIC, ANNOTATED = "/robot/cam01/image_raw", "/robot/cam01/actions_image"


@pytest.fixture
def view(ros, monkeypatch, request):
    monkeypatch.setattr(robot_view, "LOOK", getattr(request, "param", 0.05))
    return RobotView(ros.node)


@pytest.fixture
def client(view, tmp_path):
    app = application(tmp_path, ServiceSettings(workers=0), Guard("127.0.0.1", ""), view.live)
    with serving(app) as address, httpx.Client(base_url=address, timeout=WAIT) as client:
        yield client


@contextmanager
def received(client, path, read):
    """Yield a queue of what comes, read on a thread while the test serves ROS; then hang up."""
    came, answered = queue.SimpleQueue(), queue.SimpleQueue()

    def listen():
        with suppress(httpx.HTTPError), client.stream("GET", path) as answer:
            answered.put(answer)
            for item in read(answer):
                came.put(item)

    thread = Thread(target=listen)
    thread.start()
    line = answered.get(timeout=WAIT).extensions["network_stream"].get_extra_info("socket")
    try:
        yield came
    finally:
        line.shutdown(socket.SHUT_RDWR)
        thread.join()


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def events(answer):
    return (json.loads(text[5:]) for text in answer.iter_lines() if text.startswith("data:"))


def test_a_camera_is_watched_and_its_actions_are_heard(ros, robot, view, client):
    """The node makes annotated images only from the first watcher to the last."""
    robot = robot([TOPIC], threshold=0.4)
    (camera,) = robot.cameras
    ros.until(lambda: "robot/cam01" in view.live.cameras, "the discovery of the annotated images")
    with received(client, "/v1/live/events", events) as said:
        assert ros.receive(said) == {"kind": "state", "running": True, "cameras": ["robot/cam01"]}
        assert not ros.node.count_subscribers(ANNOTATED)
        robot.show(camera, 0, 0, 200, 0)
        window = ros.receive(said)
        assert (window["kind"], window["camera"], window["end"]) == ("window", "robot/cam01", camera.seconds + 7e-9)
        assert [one["label"] for one in window["actions"]] == ["third"]
        with received(client, "/v1/live/robot/cam01/video", images) as shown:
            ros.until(lambda: ros.node.count_subscribers(ANNOTATED), "the subscription")
            publisher = robot.inner(camera).overlay._publisher
            ros.until(publisher.get_subscription_count, "its discovery by the node")
            robot.push(camera, 200)
            picture = decoded(ros.receive(shown))
            assert picture.shape == (8, 8, 3)
        ros.until(lambda: not ros.node.count_subscribers(ANNOTATED), "the end of the subscription")
        assert robot.set(overlay=False) == ""
        state = ros.first(said, lambda one: one["kind"] == "state", "what can be seen then")
        assert state == {"kind": "state", "running": True, "cameras": []}


def test_images_of_any_encoding_are_shown_and_broken_ones_left_out(ros, view, client, capfd):
    publisher = ros.node.create_publisher(Image, "/actions_image", 10)
    ros.until(lambda: "main-camera" in view.live.cameras, "the discovery")
    with received(client, "/v1/live/main-camera/video", images) as shown:
        ros.until(publisher.get_subscription_count, "the subscription")
        red = np.full((16, 16, 3), (250, 20, 10), np.uint8)
        broken = image_message(red, "rgb8", Header())
        broken.height = 1000
        publisher.publish(broken)
        for image, encoding in ((red, "rgb8"), (red[..., ::-1], "bgr8")):  # one by one: a newer one replaces what waits
            publisher.publish(image_message(image, encoding, Header()))
            means = decoded(ros.receive(shown)).mean(axis=(0, 1))
            assert (means < (40, 40, 256)).all()
            assert means[2] > 230
    assert capfd.readouterr().err.count("/actions_image: 768 bytes of data") == 1


@pytest.mark.parametrize("view", [3600.0], indirect=True)
def test_who_begins_to_watch_is_noticed_at_once(ros, view, client):
    """Not with the next look at what is published."""
    publisher = ros.node.create_publisher(Image, "/actions_image", 10)
    ros.until(lambda: ros.node.count_publishers("/actions_image"), "the discovery")
    view._look()
    with received(client, "/v1/live/main-camera/video", images):
        ros.until(publisher.get_subscription_count, "the subscription")


def test_the_events_of_people_are_heard_with_their_camera_and_track(ros, view, client):
    publisher = ros.node.create_publisher(ActionEvent, "/actions/events", 10)
    with received(client, "/v1/live/events", events) as said:
        assert ros.receive(said)["running"] is False
        ros.until(publisher.get_subscription_count, "the subscription")
        event = ActionEvent(id="e1", image_topic=TOPIC, track_id="p_7", class_id="waving", state=ActionEvent.ENDED)
        event.start.sec, event.said.sec, event.end.sec, event.score = 5, 6, 7, 0.9
        publisher.publish(event)
        who = {"kind": "event", "camera": "robot/cam01", "id": "e1", "person": "p_7"}
        what = {"label": "waving", "state": "ended", "start": 5.0, "end": 7.0, "score": 0.9, "said": 6.0}
        assert ros.receive(said) == {**who, **what}


def test_the_program_serves_until_a_signal_ends_it(domain, tmp_path):
    command = [*program("serve")[:-1], "--port", "0", "--folder", str(tmp_path / "s"), "--ros-args", "-r", "__ns:=/r"]
    with running(command, tmp_path) as process:
        address = process.stderr.readline().split()[1].removesuffix("/;")
        assert httpx.get(f"{address}/v1/live", timeout=WAIT).json() == {
            "kind": "state",
            "running": False,
            "cameras": [],
        }
        assert httpx.get(address, headers={"Host": "evil.example"}, timeout=WAIT).status_code == 403
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_refused(ros, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = ["--port", str(taken.getsockname()[1]), "--folder", str(tmp_path / "s")]
        node = ros.add(Serve(parser("serve").parse_args(given)))
        with pytest.raises(ConfigurationError, match=r"cannot listen to 127\.0\.0\.1"):
            node.start()
    node.stop()
    node.destroy_node()

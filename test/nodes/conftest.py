"""The real rclpy over real DDS; every test in a ROS domain of its own, on this machine only."""

import os
import queue
import sys
import threading
import time
from array import array
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import rclpy
from goals import Client
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParametersAtomically
from sensor_msgs.msg import Image
from vision_msgs.msg import Classification
from waiting import WAIT

from har_ros.msg import ActionWindow
from har_ros.nodes import camera as cameras
from har_ros.nodes import diagnostics
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.executor import ImageExecutor

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from domains import reserved_domain

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


@pytest.fixture
def domain(monkeypatch):
    with reserved_domain() as number:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
        yield number


@pytest.fixture(scope="module")
def module_domain():
    with reserved_domain() as number:
        yield number


class Ros:
    """A context, an executor for all of the test's nodes, and a node to publish and subscribe with."""

    def __init__(self):
        self.executor = ImageExecutor()  # the programs'
        self.node = rclpy.create_node("test")
        self.executor.add_node(self.node)

    def add(self, node):
        self.executor.add_node(node)
        return node

    def until(self, condition, what):
        """Serve callbacks until the condition holds."""
        deadline = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen within {WAIT} s"
            self.executor.spin_once(timeout_sec=0.1)

    def inbox(self, message_type, topic, qos=10):
        messages = queue.SimpleQueue()
        self.node.create_subscription(message_type, topic, messages.put, qos)
        return messages

    def receive(self, messages, what="a message"):
        self.until(lambda: not messages.empty(), what)
        return messages.get()

    def first(self, messages, fits, what):
        """Return the first message that fits; those before it are dropped."""
        found = []

        def came():
            while not found and not messages.empty():
                if fits(message := messages.get()):
                    found.append(message)
            return found

        self.until(came, what)
        return found[0]


@pytest.fixture
def ros(domain):
    """Whatever fails, the context ends: else no later test of the process could have one."""
    with ExitStack() as stack:
        rclpy.init()
        stack.callback(rclpy.try_shutdown)
        ros = Ros()
        stack.callback(ros.node.destroy_node)
        stack.callback(ros.executor.shutdown)
        yield ros


class Camera:
    """A camera driver of the test's own: grey 8×8 images, their brightness given, one second apart."""

    def __init__(self, ros, topic, qos=10):
        self.ros = ros
        self.topic = topic
        self.frame_id = topic.strip("/").replace("/", "_")
        self.seconds = 100
        self.publisher = ros.node.create_publisher(Image, topic, qos)

    def connected(self):
        self.ros.until(self.publisher.get_subscription_count, f"a subscription to {self.topic}")
        return self

    def message(self, brightness, **fields):
        self.seconds += 1
        message = Image(height=8, width=8, encoding="mono8", step=8, data=array("B", [brightness] * 64))
        message.header.frame_id = self.frame_id
        message.header.stamp.sec = self.seconds
        message.header.stamp.nanosec = 7
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    def show(self, brightness, **fields):
        self.publisher.publish(self.message(brightness, **fields))


class Robot:
    """The actionnet node under test, started with these parameters, and all that it says."""

    def __init__(self, ros, cli_args=None, **parameters):
        self.ros = ros
        overrides = [rclpy.Parameter(name, value=value) for name, value in parameters.items()]
        self.node = ros.add(ActionNet(parameter_overrides=overrides, cli_args=cli_args))
        self.actions = ros.inbox(Classification, "/actions")
        self.windows = ros.inbox(ActionWindow, "/actions/windows")
        self.node.start()
        ros.until(lambda: ros.node.count_publishers("/actions/windows"), "the discovery of /actions/windows")
        self.cameras = [Camera(ros, topic) for topic in parameters["image_topics"]]
        if parameters.get("autostart", True) and "image_transport" not in parameters:
            self.connect()

    def connect(self):
        """Wait until the node and the test's cameras know each other."""
        for camera in self.cameras:
            camera.connected()

    def set(self, **values):
        """Set parameters as `ros2 param set` does; returns the reason of a refusal, or an empty string."""
        request = SetParametersAtomically.Request()
        request.parameters = [rclpy.Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        return self.call(SetParametersAtomically, "set_parameters_atomically", request).result.reason

    def change(self, transition):
        """Drive the lifecycle as `ros2 lifecycle set` does; returns whether it went well, and the new state."""
        request = ChangeState.Request()
        request.transition.label = transition
        success = self.call(ChangeState, "change_state", request).success
        return success, self.call(GetState, "get_state", GetState.Request()).current_state.label

    def call(self, service_type, name, request):
        client = self.ros.node.create_client(service_type, f"{self.node.get_fully_qualified_name()}/{name}")
        self.ros.until(client.service_is_ready, f"the service {name}")
        future = client.call_async(request)
        self.ros.until(future.done, f"the answer of {name}")
        self.ros.node.destroy_client(client)
        return future.result()

    def push(self, camera, value, **fields):
        """Show a frame, which has arrived when this returns."""
        before = self.frames(camera)
        camera.show(value, **fields)
        self.ros.until(lambda: self.frames(camera) > before, "the arrival of a frame")

    def show(self, camera, *values):
        """Show frames one by one; the network has answered the last before this returns, so none is dropped."""
        windows = []
        for value in values:
            self.push(camera, value)
            if self.inner(camera).stream.fill == 4:
                windows.append(self.ros.receive(self.windows, "a window"))
        return windows

    def inner(self, camera):
        """Return the node's side of a camera."""
        return self.node.active.cameras[camera.topic]

    def frames(self, camera):
        """Return the number of its images that the node has got."""
        inner = self.inner(camera)
        return inner.frames + inner.frames_dropped


class HeldNetwork:
    """The robot's real network, which waits for the test before every run. batches: the number of clips in each."""

    def __init__(self, robot, monkeypatch):
        self.batches = []
        self._ros = robot.ros
        self._may_go = threading.Semaphore(0)
        network = robot.node.recognizer.network
        run = network.run

        def held(clips, memories):
            self.batches.append(len(clips))
            assert self._may_go.acquire(timeout=2 * WAIT)
            return run(clips, memories)

        monkeypatch.setattr(network, "run", held)

    def until_entered(self, times=1):
        self._ros.until(lambda: len(self.batches) == times, "an inference")

    def let_go(self, times=1):
        self._may_go.release(times)


@pytest.fixture
def held(monkeypatch):
    return lambda robot: HeldNetwork(robot, monkeypatch)


@pytest.fixture
def robot(ros, brightness_card, monkeypatch):
    for module, limit in ((diagnostics, "STALE_AFTER"), (diagnostics, "DISCOVERY"), (cameras, "UNSEEN")):
        monkeypatch.setattr(module, limit, WAIT)  # a busy machine's images are late, too
    robots = []

    def start(image_topics=("/cam01/image_raw",), **parameters):
        defaults = {"model": str(brightness_card), "threshold": 0.0, "top_k": 4}
        robots.append(Robot(ros, image_topics=list(image_topics), **{**defaults, **parameters}))
        return robots[-1]

    yield start
    for robot in robots:
        robot.node.stop()
        robot.node.destroy_node()


@pytest.fixture
def driver(ros):
    """A camera driver beside those of the robot."""
    return partial(Camera, ros)


@pytest.fixture
def client(ros):
    """Clients of the action actions/wait_for."""
    clients = []

    def start():
        clients.append(Client(ros))
        return clients[-1]

    yield start
    for one in clients:
        one.client.destroy()


@pytest.fixture
def watching(robot, client):
    """A node whose events last for half a second at least, and a client."""

    def start(*arguments, **parameters):
        return robot(*arguments, **{"event_min_duration": 0.5, "event_max_gap": 0.0, **parameters}), client()

    return start

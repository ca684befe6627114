"""A class that was taught in the browser runs in the node, as the page says."""

import shlex
import zipfile
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest
from chromium import add_class, launching, serving, visitor
from clips import RATE, tiny_in
from std_msgs.msg import Header

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from har_ros.commands.main import main as actionnet
from har_ros.nodes.conversions import image_message
from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings


@pytest.fixture
def address(tmp_path, own_cache):
    """The service, which can teach a small network, tiny."""
    models = tiny_in(tmp_path / "networks")
    app = application(tmp_path / "service", ServiceSettings(models, workers=0), Guard("127.0.0.1", ""))
    with serving(app) as address:
        yield address


def taught(address, clips, place):
    """Teach a network in the browser, unpack its download, and return the commands for a robot and for a file."""
    with launching() as launch, visitor(launch()) as tab:
        tab.goto(f"{address}/teach")
        tab.get_by_label("New dataset").fill("my colours")
        tab.keyboard.press("Enter")
        for label, files in clips.items():
            add_class(tab, label, files)
        tab.get_by_label("Looks at").select_option("tiny")
        tab.get_by_role("button", name="Teach", exact=True).click()
        with tab.expect_download() as download:
            tab.get_by_role("link", name="Download").click()
        with zipfile.ZipFile(download.value.path()) as archive:
            archive.extractall(place)
        return [text.replace("$PWD", str(place)) for text in tab.locator("pre.command").all_inner_texts()]


def play(ros, robot, camera, video, start):
    """Show the images of a video, their stamps from so many seconds on."""
    capture = cv2.VideoCapture(str(video))
    shown = 0
    while (picture := capture.read()[1]) is not None:
        header, before = Header(), robot.frames(camera)
        header.stamp.sec, header.stamp.nanosec = divmod(round((start + shown / RATE) * 1e9), 10**9)
        camera.publisher.publish(image_message(picture, "bgr8", header))
        ros.until(lambda before=before: robot.frames(camera) > before, "the arrival of a frame")
        shown += 1


def test_a_class_taught_in_the_browser_runs_in_the_node(ros, robot, address, clips, tmp_path):
    with ThreadPoolExecutor(1) as browsing:  # a thread has one of Playwright's loops, and may have it already
        for_robot, for_file = browsing.submit(taught, address, clips, tmp_path).result()
    *launch, argument, topics = shlex.split(for_robot)
    assert launch == ["ros2", "launch", "har_ros", "actionnet.launch.py"]
    assert topics == "image_topics:=[/cam01/image_raw]"
    name, _, model = argument.partition(":=")
    robot = robot(["/cam01/image_raw"], **{name: model})
    (camera,) = robot.cameras
    for start, label in ((100, "red"), (200, "blue")):
        play(ros, robot, camera, clips[label][0], start)
        action = ros.first(robot.actions, lambda one, start=start: one.header.stamp.sec >= start, "an action")
        assert action.results[0].class_id == label
    program, _, _, *options = shlex.split(for_file)
    assert program == "actionnet"
    assert actionnet([str(clips["red"][0]), str(tmp_path / "output.mp4"), *options]) == 0

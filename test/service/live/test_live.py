"""What a robot shows, without a robot: what is fed in comes out, to all who watch, and nothing is kept for the slow."""

import json
import queue
import threading
from contextlib import ExitStack

import pytest
from chromium import serving
from mjpeg import images
from waiting import WAIT

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from served import run

from har_ros.service.application import application
from har_ros.service.channel import Channel
from har_ros.service.guard import Guard
from har_ros.service.live.robot import Live
from har_ros.service.settings import ServiceSettings

TOKEN = "a token that is long enough"


class Watchers:
    """Waits for people who come and go."""

    def __init__(self):
        self._changes = queue.SimpleQueue()

    def __call__(self):
        self._changes.put(None)

    def until(self, channel, count):
        while channel.listeners != count:
            self._changes.get(timeout=WAIT)


@pytest.fixture(scope="module")
def watchers():
    return Watchers()


@pytest.fixture(scope="module")
def live(watchers):
    return Live(watchers)


@pytest.fixture(scope="module")
def client(live, tmp_path_factory):
    app = application(tmp_path_factory.mktemp("s"), ServiceSettings(workers=0), Guard("127.0.0.1", ""), live)
    with serving(app) as address, httpx.Client(base_url=address, timeout=WAIT) as client:
        yield client


def test_all_watchers_of_a_camera_get_its_images_and_it_is_known_when_they_leave(client, live, watchers):
    live.set(True, ["robot/cam01", "cam02"])
    camera = live.cameras["robot/cam01"]
    with ExitStack() as stack:
        watching = [stack.enter_context(client.stream("GET", "/v1/live/robot/cam01/video")) for _ in range(2)]
        watchers.until(camera, 2)
        shown = [images(answer) for answer in watching]
        for image in (b"first", b"--image\r\n\r\n", bytes(100_000)):
            camera.put(image)
            assert [next(each) for each in shown] == [image, image]
    watchers.until(camera, 0)
    assert live.cameras["cam02"].listeners == 0


def test_a_camera_that_goes_away_stays_for_those_who_watch_it(client, live, watchers):
    live.set(True, ["cam03"])
    camera = live.cameras["cam03"]
    with client.stream("GET", "/v1/live/cam03/video") as answer:
        watchers.until(camera, 1)
        live.set(False, [])
        live.set(True, ["cam03"])
        camera.put(b"back")
        assert next(images(answer)) == b"back"
    watchers.until(camera, 0)
    live.set(False, [])
    assert live.cameras == {}
    answer = client.get("/v1/live/cam03/video")
    assert (answer.status_code, "there are those of: none" in answer.json()["detail"]) == (404, True)


def test_what_is_said_comes_as_events_after_how_it_stands(client, live):
    live.set(True, ["cam01"])
    with client.stream("GET", "/v1/live/events") as answer:
        lines = answer.iter_lines()
        said = (json.loads(line[5:]) for line in lines if line.startswith("data:"))
        assert next(said) == {"kind": "state", "running": True, "cameras": ["cam01"]}
        live.say("event", {"label": "</script>\n\ndata: x"})
        assert next(said) == {"kind": "event", "label": "</script>\n\ndata: x"}
        live.set(False, [])
        live.set(False, [])
        live.say("window", {})
        assert [next(said)["kind"] for _ in range(2)] == ["state", "window"]
    assert client.get("/v1/live").json()["running"] is False


def test_without_a_robot_it_is_said_how_to_have_one(tmp_path):
    app = application(tmp_path, ServiceSettings(workers=0), Guard("127.0.0.1", TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(app) as address, httpx.Client(base_url=address, timeout=WAIT) as client:
        for path in ("/v1/live", "/v1/live/events", "/v1/live/cam01/video"):
            assert client.get(path).status_code == 401
            answer = client.get(path, headers=headers)
            assert (answer.status_code, "serve.launch.py" in answer.json()["detail"]) == (404, True)


def test_a_slow_listener_gets_the_newest_and_a_closed_channel_ends():
    channel = Channel(3)

    async def listen():
        heard = channel.listen(-1)
        assert await anext(heard) == -1
        for number in range(10_000):
            channel.put(number)
        channel.close()
        assert [number async for number in heard] == [9997, 9998, 9999]
        assert [number async for number in channel.listen()] == []
        assert channel.listeners == 0

    run(listen())


def test_items_of_another_thread_all_arrive_in_order():
    listening = threading.Event()
    channel = Channel(10_000, listening.set)

    def put():
        assert listening.wait(WAIT)
        for number in range(5_000):
            channel.put(number)
        channel.close()

    async def listen():
        return [number async for number in channel.listen()]

    thread = threading.Thread(target=put)
    thread.start()
    assert run(listen()) == list(range(5_000))
    thread.join()

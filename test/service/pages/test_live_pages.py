"""The pages with cameras, in a real browser: the webcam, whose driver plays a video, and the robot's cameras."""

import re
from threading import Event

import cv2
import pytest
from chromium import barriers, serving, until
from clips import moving
from waiting import WAIT, wait_until

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from har_ros.service.application import application
from har_ros.service.channel import Channel
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings
from har_ros.service.streams import streams

PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def app(models, live, tmp_path_factory):
    settings = ServiceSettings(models, workers=0, streams=1)
    return application(tmp_path_factory.mktemp("service"), settings, Guard("127.0.0.1", ""), live)


@pytest.fixture(scope="module")
def webcam(tmp_path_factory):
    """The option of a browser whose webcam shows a moving disc, 8 images a second."""
    path = tmp_path_factory.mktemp("webcam") / "disc.y4m"
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W240 H240 F8:1 Ip A1:1 C420jpeg\n")
        for picture in moving(frames=40, size=240):
            file.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes())
    return f"--use-file-for-fake-video-capture={path}"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Streams wait for pages on a busy machine."""
    for limit in ("UNHEARD", "SILENCE"):
        monkeypatch.setattr(streams, limit, WAIT)


def fits(tab):
    """Whether nothing is wider than the window."""
    return tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def stream_ended(stream):
    """Wait for a stream's end. Returns why it ended."""
    wait_until(lambda: stream.state, "ended")
    return stream.error


def test_a_webcam_is_looked_at_until_it_is_stopped(tab_with, webcam, address, app):
    tab = tab_with(webcam)
    tab.goto(f"{address}/webcam?model=tiny")
    assert barriers(tab) == []
    assert tab.get_by_label("model", exact=True).input_value() == "tiny"
    tab.get_by_label("threshold").fill("0.05")
    tab.get_by_text("More options").click()
    tab.get_by_label("event start").fill("0.15")
    tab.get_by_label("event end").fill("0.05")
    tab.keyboard.press("Enter")
    tab.get_by_text("Running.").wait_for()
    tab.get_by_role("log").get_by_text("…").wait_for()
    assert tab.get_by_role("list", name="Now").get_by_role("listitem").count() == 3
    assert "images sent" in tab.locator("#figures").inner_text()
    assert barriers(tab) == []
    tab.set_viewport_size(PHONE)
    assert fits(tab)
    (stream,) = [one for one in app.state.streams.all if one.state == "ready"]
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("The webcam is off.").wait_for()
    assert tab.locator("#figures").inner_text() == ""
    assert "…" not in tab.get_by_role("log").inner_text()
    assert stream_ended(stream) == ""
    assert tab.evaluate("document.getElementById('video').srcObject") is None


def test_a_stream_ends_with_its_page(tab, address, app):
    tab.goto(f"{address}/webcam?model=tiny")
    tab.get_by_role("button", name="Start").click()
    tab.get_by_text("Running.").wait_for()
    (stream,) = [one for one in app.state.streams.all if one.state == "ready"]
    tab.goto(f"{address}/live")
    assert stream_ended(stream) == ""


def test_what_prevents_a_stream_is_said(tab, address, app, monkeypatch):
    tab.goto(f"{address}/webcam?model=tiny")
    monkeypatch.setattr(app.state.streams, "most", 0)
    tab.get_by_role("button", name="Start").click()
    tab.get_by_text("0 streams are open already").wait_for()
    tab.evaluate(
        "() => { document.getElementById('video').play = () => Promise.reject(new DOMException('', 'AbortError')); }"
    )
    tab.get_by_role("button", name="Start").click()
    tab.get_by_text("The webcam cannot be used (AbortError); try another one.").wait_for()
    tab.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError')); }"
    )
    tab.get_by_role("button", name="Start").click()
    tab.get_by_text("There is no webcam; connect one, and start again.").wait_for()
    assert tab.get_by_role("button", name="Start").is_enabled()


def test_the_robots_cameras_and_what_happens_before_them(tab, address, live):
    _, black = cv2.imencode(".jpg", moving(frames=1, size=120)[0])
    live.set(True, ["cam01", "cam02"])
    tab.goto(f"{address}/live")
    figure = tab.get_by_role("figure").filter(has_text="cam01")
    image = figure.get_by_role("img")

    def shown():
        live.cameras["cam01"].put(black.tobytes())
        return image.evaluate("image => image.naturalWidth")

    wait_until(shown)
    live.say("window", {"camera": "cam01", "person": "", "end": 5.0, "actions": [{"label": "<b>waving", "score": 0.9}]})
    who = {"camera": "cam01", "id": "e1", "person": "p_3", "label": "<i>walking", "score": 0.8, "start": 5.0}
    live.say("event", {**who, "state": "started", "end": 6.0})
    figure.get_by_text("<b>waving 0.90").wait_for()
    log = tab.get_by_role("log")
    log.get_by_text("cam01: person 3: <i>walking …").wait_for()
    live.say("event", {**who, "state": "ended", "end": 7.5})
    log.get_by_text("cam01: person 3: <i>walking, 2.5 s").wait_for()
    assert log.get_by_role("listitem").count() == 1
    assert barriers(tab) == []
    tab.set_viewport_size(PHONE)
    assert fits(tab)
    live.set(False, [])
    tab.get_by_text("No node recognises actions at present").wait_for()
    live.set(True, [])
    tab.get_by_text("publishes no annotated images").wait_for()
    live.set(True, [f"cam{number}" for number in range(6)])
    tab.get_by_role("link", name="cam5").click()
    until(tab, "document.querySelectorAll('figure').length === 1")
    live.set(False, [])


def hide(tab, hidden):
    """Let a page believe that nobody can see it, or that somebody can."""
    tab.evaluate(f"Object.defineProperty(document, 'hidden', {{configurable: true, value: {str(hidden).lower()}}})")
    tab.dispatch_event("html", "visibilitychange")


def listen(live, wanted):
    """Wait until so many follow the events and watch cam01."""
    wait_until(lambda: (live.said.listeners, live.cameras["cam01"].listeners), wanted)


def test_a_hidden_page_takes_no_connection_and_goes_on_when_it_is_seen(tab, address, live):
    live.set(True, ["cam01"])
    tab.goto(f"{address}/live")
    listen(live, (1, 1))
    pages = []
    tab.on("request", lambda request: pages.append(request.url) if request.url.endswith("/live") else None)
    live.say("event", {"camera": "cam01", "id": "e2", "person": "", "label": "wave", "state": "started", "start": 5.0})
    tab.get_by_role("log").get_by_text("cam01: wave …").wait_for()
    hide(tab, True)
    listen(live, (0, 0))
    hide(tab, False)
    listen(live, (1, 1))
    tab.get_by_role("log").get_by_text(re.compile("cam01: wave$")).wait_for()
    assert pages == []
    live.set(False, [])


def test_nothing_old_is_shown_without_a_connection_and_images_come_back_with_it(tab, address, live):
    live.set(True, ["cam01"])
    tab.goto(f"{address}/live")
    window = {"camera": "cam01", "person": "", "end": 5.0, "actions": [{"label": "wave", "score": 0.9}]}
    listen(live, (1, 1))
    live.say("window", window)
    tab.get_by_text("wave 0.90").wait_for()
    held, back = [], Event()
    tab.route("**/v1/live/events", lambda route: route.continue_() if back.is_set() else held.append(route))
    image, said = live.cameras["cam01"], live.said
    live.cameras, live.said = {"cam01": Channel(1)}, Channel(1)
    image.close()
    said.close()
    tab.locator("#line").get_by_text("Connecting again …").wait_for()
    assert not tab.get_by_text("wave 0.90").is_visible()
    assert tab.locator("[data-camera] img[src]").count() == 0
    with tab.expect_request("**/cam01/video"):
        back.set()
        for route in held:
            route.continue_()
        until(tab, "document.getElementById('line').textContent === ''")
    live.set(False, [])


def test_people_are_drawn_where_they_are_in_a_video_of_another_shape(tab, address):
    tab.goto(f"{address}/webcam")
    drawn = tab.evaluate("""async () => {
        const { drawPeople } = await import("/static/overlay.js");
        const canvas = document.createElement("canvas");
        Object.defineProperties(canvas, { clientWidth: { value: 400 }, clientHeight: { value: 200 } });
        const person = { number: "1", box: [0, 0, 100, 100], joints: [], actions: [] };
        drawPeople(canvas, { size: [100, 100], persons: [person] }, []);
        const row = canvas.getContext("2d").getImageData(0, canvas.height / 2, canvas.width, 1).data;
        const places = [...Array(canvas.width).keys()].filter((place) => row[4 * place + 3]);
        return [places[0] / devicePixelRatio, places.at(-1) / devicePixelRatio];
    }""")
    assert drawn == pytest.approx([100, 300], abs=3)


def take_away(tab):
    """Let the webcam of a page be gone, as one whose plug is pulled."""
    tab.evaluate("""() => {
        const [track] = document.getElementById("video").srcObject.getTracks();
        track.stop();
        track.dispatchEvent(new Event("ended"));
    }""")


def test_a_webcam_that_is_taken_away_is_said_and_opened_again(tab, address, app):
    tab.goto(f"{address}/webcam?model=tiny")
    tab.get_by_role("button", name="Start").click()
    tab.get_by_text("Running.").wait_for()
    (stream,) = [one for one in app.state.streams.all if one.state == "ready"]
    take_away(tab)
    tab.get_by_text("The webcam was taken away; start again.").wait_for()
    assert stream_ended(stream) == ""
    tab.get_by_role("button", name="Start").click()
    tab.get_by_text("Running.").wait_for()
    tab.get_by_role("button", name="Stop").click()
    assert stream_ended(app.state.streams.all[-1]) == ""


def test_no_stream_is_left_where_the_webcam_is_taken_away_before_it_begins(tab, address, app):
    tab.goto(f"{address}/webcam?model=tiny")
    held = []
    tab.route("**/v1/streams", lambda route: held.append(route), times=1)
    with tab.expect_request("**/v1/streams"):
        tab.get_by_role("button", name="Start").click()
    take_away(tab)
    with tab.expect_request(lambda request: request.method == "DELETE"):
        held[0].continue_()
    tab.get_by_text("The webcam was taken away; start again.").wait_for()
    assert stream_ended(app.state.streams.all[-1]) == ""
    assert tab.get_by_role("button", name="Start").is_enabled()


def test_without_a_robot_the_page_says_how_to_have_it(tab, tmp_path):
    with serving(application(tmp_path, ServiceSettings(workers=0), Guard("127.0.0.1", ""))) as address:
        tab.goto(f"{address}/live")
        tab.get_by_text("ros2 launch har_ros serve.launch.py").wait_for()
        assert barriers(tab) == []

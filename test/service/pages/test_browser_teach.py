"""Teaching in a real browser: classes, clips, a take of the webcam, the check, a network, a video that it looks at."""

import re
from contextlib import contextmanager
from threading import Event

import pytest
from chromium import add_class, barriers, serving, until
from waiting import WAIT

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings
from har_ros.service.teaching import lessons


@pytest.fixture
def address(tmp_path, models, module_cache):
    app = application(tmp_path / "service", ServiceSettings(models, most_bytes=1_000_000), Guard("127.0.0.1", ""))
    with serving(app) as address:
        yield address


@contextmanager
def time_stands_still(tab):
    """What a page does after seconds, it does after the block."""
    tab.clock.install(time=0)
    tab.clock.pause_at(1000)
    yield
    tab.clock.resume()


def test_classes_are_made_filled_checked_taught_and_recognised(tab, address, clips, video):
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.goto(f"{address}/teach")
    assert barriers(tab) == []
    tab.get_by_label("New dataset").fill("<b>")
    tab.get_by_role("button", name="Make it").click()
    tab.get_by_text("a dataset cannot be called '<b>'").wait_for()
    tab.get_by_label("New dataset").fill("my colours")
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="my colours").wait_for()
    for label, files in clips.items():
        add_class(tab, label, files)
    tab.get_by_text("2 clips of 2 people or sources; add 3 or more").first.wait_for()
    assert barriers(tab) == []

    tab.get_by_label("class", exact=True).select_option("red")
    tab.get_by_label("seconds", exact=True).fill("1")
    tab.get_by_label("takes", exact=True).fill("2")
    with time_stands_still(tab):
        tab.get_by_role("button", name="Record").click()
        tab.get_by_text("red, take 1 of 2, in 3").wait_for()
    said = tab.get_by_text("2 clips added to red.").or_(tab.locator("[role=alert]:not(:empty)"))
    said.first.wait_for()
    assert said.all_inner_texts() == ["2 clips added to red."]
    tab.get_by_text("4 clips of 4 people or sources").wait_for()
    for left in (1, 0):
        tab.get_by_role("button", name=re.compile("^Erase the clip take-")).first.click()
        until(tab, f"document.querySelectorAll('.clips a[title*=take]').length === {left}")
    until(tab, "document.activeElement.textContent === 'red'")
    assert tab.evaluate("document.getElementById('webcam').srcObject") is None

    full = {"status": 507, "content_type": "application/problem+json", "body": '{"detail": "the disk is full"}'}
    tab.route("**/clips", lambda route: route.fulfill(**full))
    tab.get_by_role("button", name="Record").click()
    tab.get_by_text("the disk is full").wait_for()
    tab.get_by_role("button", name="Stop").wait_for(state="hidden")
    assert tab.get_by_text("the disk is full").is_visible()
    tab.unroute("**/clips")

    tab.get_by_label("Looks at").select_option("tiny")
    tab.get_by_role("button", name="Check").click()
    tab.get_by_text("red has 2 clips; give 5 or more").wait_for()
    tab.get_by_text("There is no class none").wait_for()
    assert not tab.get_by_text("The clips have changed since").is_visible()
    tab.get_by_label("Name of the network").fill("colours")
    tab.get_by_role("button", name="Teach", exact=True).click()
    until(tab, "!document.getElementById('cancel').disabled")  # the server has begun
    tab.reload()
    tab.get_by_text("What would help most:").wait_for()
    tab.get_by_text("none has no clips: it is said of what is unlike all clips.").wait_for()
    assert barriers(tab) == []
    assert tab.get_by_role("link", name="Try it").get_attribute("href") == "/webcam?model=colours"
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "colours.zip"
    tab.get_by_role("link", name="Report").click()
    tab.get_by_role("heading", name="colours").wait_for()

    tab.go_back()
    tab.get_by_role("button", name="Erase the clip blue1.mp4").click()
    tab.get_by_text("The clips have changed since; check again.").wait_for()

    tab.goto(address)
    tab.get_by_label("Drop videos here").set_input_files(str(video))
    tab.get_by_label("model", exact=True).select_option("colours")
    tab.get_by_role("button", name="Recognise").click()
    tab.locator("video").wait_for()
    assert "colours" in tab.inner_text("main")

    erase = tab.get_by_role("button", name="Erase the network colours")
    tab.route("**/teach.js", lambda route: route.abort())
    tab.goto(f"{address}/teach")
    assert erase.is_disabled()
    tab.unroute("**/teach.js")
    tab.reload()
    erase.click()
    erase.wait_for(state="detached")


@pytest.fixture
def dataset(tab, address):
    """The page of an empty dataset."""
    tab.goto(f"{address}/teach")
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.get_by_label("New dataset").fill("greetings")
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="greetings").wait_for()
    return tab


def test_teach_can_be_pressed_once_each_class_has_clips(dataset, clips):
    teach = dataset.get_by_role("button", name="Teach", exact=True)
    dataset.get_by_text("To teach, make at least two classes").wait_for()
    for label in clips:
        add_class(dataset, label)
    dataset.get_by_text("To teach, add clips to blue, red, or erase these classes.").wait_for()
    assert teach.is_disabled()
    dataset.get_by_label("Drop clips of red here").set_input_files(clips["red"])
    dataset.get_by_text("To teach, add clips to blue, or erase this class.").wait_for()
    assert teach.is_disabled()
    dataset.get_by_label("Drop clips of blue here").set_input_files(clips["blue"])
    dataset.get_by_text("To teach,").wait_for(state="hidden")
    assert teach.is_enabled()
    dataset.get_by_role("button", name="Erase the class blue").click()
    dataset.get_by_text("To teach, make at least two classes").wait_for()
    assert teach.is_disabled()


def test_clips_that_are_refused_are_said_and_the_classes_asked_for_once(dataset):
    add_class(dataset, "wave")
    shown = []
    dataset.on("response", lambda answer: shown.append(answer) if answer.url.endswith("/classes") else None)
    files = [("empty.mp4", b""), ("notes.txt", b"text"), ("large.mp4", bytes(3_000_000))]
    dataset.get_by_label("Drop clips of wave here").set_input_files(
        [{"name": name, "mimeType": "video/mp4", "buffer": content} for name, content in files]
    )
    dataset.get_by_text("0 clips added.").wait_for()
    dataset.get_by_role("alert").wait_for()
    said = dataset.get_by_role("alert").inner_text()
    for text in ("empty.mp4 is empty; choose another clip", "'notes.txt' is no video", "more than the 1,000,000"):
        assert text in said
    dataset.get_by_label("New class").fill("nod")  # whose request comes after all others
    dataset.keyboard.press("Enter")
    dataset.get_by_role("heading", name="nod").wait_for()
    assert [answer.request.method for answer in shown] == ["GET", "POST", "GET"]


def test_takes_end_with_the_webcam_and_what_prevents_them_is_said(dataset):
    dataset.set_viewport_size({"width": 390, "height": 800})
    add_class(dataset, "wave")
    with time_stands_still(dataset):
        dataset.get_by_role("button", name="Record").click()
        dataset.get_by_text("wave, take 1 of 5, in 3").wait_for()
        for place in ("getElementById('count')", "documentElement"):
            assert dataset.evaluate(f"document.{place}.scrollWidth <= document.{place}.clientWidth")
        assert dataset.evaluate(
            "document.getElementById('count').scrollHeight <= document.querySelector('.screen').clientHeight"
        )
    dataset.evaluate("""() => {
        const [track] = document.getElementById("webcam").srcObject.getTracks();
        track.stop();
        track.dispatchEvent(new Event("ended"));
    }""")
    dataset.get_by_role("alert").get_by_text("The webcam was taken away; start again.").wait_for()
    assert dataset.get_by_role("button", name="Record").is_enabled()
    dataset.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError')); }"
    )
    dataset.get_by_role("button", name="Record").click()
    dataset.get_by_role("alert").get_by_text("There is no webcam; connect one, and start again.").wait_for()


def seen(tab, place):
    """Whether all of an element is within the window, but for a part of a pixel."""
    box = place.bounding_box()
    return box["y"] > -1 and box["y"] + box["height"] < tab.viewport_size["height"] + 1


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_said_of_clips_is_said_where_they_were_dropped(dataset, clips, width):
    dataset.set_viewport_size({"width": width, "height": 500})
    for name in ("wave", "nod", "sit"):
        add_class(dataset, name)
    sit = dataset.locator("[data-class=sit]")
    sit.locator("input").set_input_files([{"name": "notes.txt", "mimeType": "video/mp4", "buffer": b"text"}])
    sit.get_by_role("alert").get_by_text("is no video").wait_for()
    assert seen(dataset, sit.get_by_role("alert"))
    dataset.locator("[data-class=wave] input").set_input_files(clips["red"])
    dataset.locator("[data-class=wave]").get_by_text("2 clips added.").wait_for()
    dataset.locator("[data-class=wave]").get_by_role("link", name="red1.mp4").wait_for()
    assert sit.get_by_text("0 clips added.").is_visible()
    assert not sit.get_by_role("alert").is_visible()
    dataset.route("**/check", lambda route: route.fulfill(status=409, json={"detail": "the check of mine runs"}))
    dataset.get_by_role("button", name="Check").click()
    dataset.get_by_text("the check of mine runs").wait_for()
    assert seen(dataset, dataset.get_by_text("the check of mine runs"))
    assert dataset.get_by_role("button", name="Check").is_enabled()


@pytest.fixture
def go_on(dataset, monkeypatch):
    """An event before which nothing is heard of a check or a training."""
    go_on, read = Event(), lessons._Running._read
    monkeypatch.setattr(lessons._Running, "_read", lambda running: go_on.wait(WAIT) and read(running))
    yield go_on
    go_on.set()


def test_nothing_can_be_pressed_until_its_script_is_there(dataset, clips, go_on):
    add_class(dataset, "red", clips["red"])
    held = []
    dataset.route("**/page.js", lambda route: held.append(route))  # which all others import
    with dataset.expect_request("**/page.js"):
        dataset.reload(wait_until="commit")
    dataset.get_by_role("link", name="red1.mp4").wait_for()
    until(dataset, "document.getElementById('results') !== null")
    assert dataset.evaluate(
        "[...document.querySelectorAll('main button, input[type=file]')].filter(e => !e.disabled).map(e => e.id)"
    ) == [
        "stop",
        "cancel",
    ]  # which are hidden
    before = dataset.url
    dataset.get_by_label("Name of the network").press("Enter")
    for route in held:
        route.continue_()
    dataset.get_by_role("button", name="Check").click()
    dataset.locator("#doing").get_by_text("Starting").wait_for()
    assert dataset.get_by_role("progressbar").is_visible()
    go_on.set()
    dataset.get_by_text("The check failed: greetings has 1 class folder").wait_for()
    assert dataset.url == before


def test_what_runs_of_another_dataset_is_shown_until_it_ends(dataset, address, clips, go_on):
    for label in clips:
        add_class(dataset, label, clips[label])
    assert dataset.request.post(f"{address}/v1/datasets", data={"name": "other"}).ok
    started = dataset.request.post(f"{address}/v1/datasets/greetings/check", data={"model": "tiny"})
    assert started.ok
    dataset.goto(f"{address}/teach/other")
    dataset.get_by_text("Check of greetings:").first.wait_for()
    check = dataset.get_by_role("button", name="Check")
    assert check.is_disabled()
    assert not dataset.get_by_role("button", name="Cancel").is_visible()
    go_on.set()
    dataset.get_by_text("Check of greetings is done.").wait_for()
    assert check.is_enabled()


def test_what_is_dropped_on_a_folder_of_the_server_is_left(tab, tmp_path, models):
    (tmp_path / "given" / "mine" / "wave").mkdir(parents=True)
    settings = ServiceSettings(models, workers=0, datasets=tmp_path / "given")
    with serving(application(tmp_path / "service", settings, Guard("127.0.0.1", ""))) as address:
        tab.goto(f"{address}/teach/mine")
        tab.get_by_text("To teach, give this folder of the server a folder").wait_for()  # the scripts are there
        files = tab.evaluate_handle("""() => {
            const files = new DataTransfer();
            files.items.add(new File(["a"], "a.mp4"));
            return files;
        }""")
        sent = []
        tab.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        tab.dispatch_event(".class", "drop", {"dataTransfer": files})
        tab.evaluate("async () => { await fetch('/v1/jobs'); }")  # whose answer comes after what the drop did
        assert sent == []

"""Jobs in a real browser, with a real worker: sent, followed, cancelled, run again and erased."""

import json
import re
import struct
from threading import Event

import pytest
from chromium import until

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import held

from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings

NASTY = "<img src=x onerror=alert(1)>.mp4"
LARGE = 20 << 20
"""Bytes, more than two parts of an upload."""


@pytest.fixture(scope="module")
def app(tmp_path_factory, models):
    return application(
        tmp_path_factory.mktemp("service"), ServiceSettings(models, most_bytes=50_000_000), Guard("127.0.0.1", "")
    )


@pytest.fixture
def home(tab, address, app):
    """The page of videos. What a test leaves there is erased."""
    tab.goto(address)
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.get_by_label("model", exact=True).select_option("tiny")
    yield tab
    for job in app.state.service.store.newest(9):
        assert tab.request.delete(f"{address}/v1/jobs/{job.id}").ok


@pytest.fixture(scope="module")
def large_video(video, tmp_path_factory):
    """A video with much in it that players skip."""
    path = tmp_path_factory.mktemp("videos") / "large.mp4"
    rest = LARGE - video.stat().st_size
    path.write_bytes(video.read_bytes() + struct.pack(">I4s", rest, b"free") + bytes(rest - 8))
    return path


def choose(tab, *files):
    tab.get_by_label("Drop videos here").set_input_files(files)


def send(tab, *files):
    choose(tab, *files)
    tab.get_by_role("button", name="Recognise").click()


def test_a_video_is_sent_followed_run_again_compared_and_erased(home, video, app):
    home.get_by_label("threshold").fill("0.02")
    send(home, {"name": NASTY, "mimeType": "video/mp4", "buffer": video.read_bytes()})
    home.wait_for_url("**/jobs/*")
    assert home.get_by_role("heading", level=1).inner_text() == NASTY
    home.get_by_role("slider").wait_for()
    (job,) = app.state.service.store.newest(9)
    assert (job.name, dict(job.options), job.state) == (NASTY, {"model": "tiny", "threshold": 0.02}, "done")
    home.locator("#plot canvas").wait_for()
    with home.expect_download() as download:
        home.get_by_role("link", name="Table (CSV)").click()
    assert download.value.path().read_text().startswith("start,end,label,score,person")

    home.get_by_label("threshold").fill("0.03")
    home.get_by_role("button", name="Run again").click()
    home.wait_for_url("**/compare?*")
    home.get_by_role("heading", name="Where they differ").wait_for()
    second, _ = app.state.service.store.newest(9)
    assert (second.name, dict(second.options)) == (NASTY, {"model": "tiny", "threshold": 0.03})
    videos = {app.state.service.folder.input(one).stat().st_ino for one in (job.id, second.id)}
    assert len(videos) == 1

    home.get_by_role("link", name="Videos").click()
    for left in (1, 0):
        home.get_by_role("button", name=f"Erase {NASTY}").first.click()
        until(home, f"document.querySelectorAll('#history tbody tr').length === {left}")
    home.get_by_text("There are no videos yet").wait_for()
    assert app.state.service.store.newest(9) == []


def test_a_job_is_followed_through_a_reload_and_cancelled(home, long_video, app):
    home.route("**/found", lambda route: route.abort(), times=1)
    send(home, long_video)
    home.wait_for_url("**/jobs/*")
    home.get_by_text(re.compile(r"^[1-9]\d? %")).first.wait_for()
    home.get_by_role("heading", name="Found so far").wait_for()
    with held(app):
        home.reload()
        home.get_by_role("heading", name="Found so far").wait_for()
        until(home, "document.getElementById('done').value > 0")
        home.get_by_text("whole image at").wait_for()
        address = home.url
        home.get_by_role("button", name="Cancel").click()
        home.get_by_text("There are no videos yet").wait_for()
    assert home.goto(address).status == 404
    assert home.get_by_role("heading", name="Not Found").is_visible()
    assert app.state.service.store.newest(9) == []


def test_an_upload_goes_on_after_a_reload_and_can_be_cancelled(home, large_video, app):
    parts = []
    held = []
    home.on("request", lambda request: parts.append(request.headers) if request.method == "PATCH" else None)
    home.route("**/v1/uploads/*", lambda route: held.append(route) if len(parts) == 2 else route.continue_())
    send(home, large_video)
    home.get_by_text(re.compile(r"8\.\d MB of 21 MB")).wait_for()
    until(home, "JSON.stringify(localStorage).includes('8388608')")
    home.reload()
    home.unroute_all(behavior="ignoreErrors")
    home.get_by_text("large.mp4 was interrupted at 40 %").wait_for()

    parts.clear()
    home.get_by_label("model", exact=True).select_option("tiny")
    send(home, large_video)
    home.wait_for_url("**/jobs/*")
    assert [one["upload-offset"] for one in parts] == ["8388608", "16777216"]
    assert all(one["upload-checksum"].startswith("sha1 ") for one in parts)
    (job,) = app.state.service.store.newest(9)
    assert app.state.service.folder.input(job.id).read_bytes() == large_video.read_bytes()
    home.get_by_role("slider").wait_for()
    home.get_by_role("button", name="Erase").click()

    home.get_by_text("There are no videos yet").wait_for()
    home.route(
        "**/v1/uploads/*", lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_()
    )
    with home.expect_request(lambda request: request.method == "PATCH"):  # before, there is nothing to delete
        send(home, large_video)
    with home.expect_request(lambda request: request.method == "DELETE"):
        home.get_by_role("button", name="Cancel").click()
    home.get_by_role("button", name="Recognise").wait_for()
    assert home.evaluate("localStorage.getItem('har_ros uploads')") == "{}"


def test_what_was_interrupted_is_said_until_it_goes_on(home, large_video):
    parts, held = [], []

    def hold(route):
        if route.request.method == "PATCH":
            parts.append(route)
        held.append(route) if len(parts) > 1 else route.continue_()

    home.route("**/v1/uploads/*", hold)
    send(home, large_video)
    until(home, "JSON.stringify(localStorage).includes('8388608')")
    home.reload()
    home.get_by_text("large.mp4 was interrupted at 40 %").wait_for()
    home.unroute_all(behavior="ignoreErrors")
    home.route(
        "**/v1/uploads/*", lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_()
    )
    send(home, large_video)
    home.get_by_text("Sending large.mp4").wait_for()
    assert home.locator("#interrupted").inner_text() == ""
    home.get_by_role("button", name="Cancel").click()
    home.get_by_role("button", name="Recognise").wait_for()
    assert home.locator("#interrupted").inner_text() == ""


def test_a_button_whose_script_is_not_there_yet_cannot_be_pressed(home, video, address):
    send(home, video)
    home.wait_for_url("**/jobs/*")
    home.get_by_role("slider").wait_for()
    for script, page, name in (
        ("again.js", home.url, "Run again"),
        ("htmx-*", home.url, "Erase the video"),
        ("htmx-*", address, "Erase disc.mp4"),
    ):
        home.route(f"**/{script}", lambda route: route.abort())
        home.goto(page)
        assert home.get_by_role("button", name=name).is_disabled()
        home.unroute_all()
        home.reload()
        assert home.get_by_role("button", name=name).is_enabled()


def test_a_lost_connection_is_said_and_tried_again(home, video):
    back = Event()
    home.route("**/v1/uploads/*", lambda route: route.continue_() if back.is_set() else route.abort())
    send(home, video)
    home.get_by_role("alert").get_by_text("the connection is lost; trying again").wait_for()
    back.set()
    home.wait_for_url("**/jobs/*")


def test_an_upload_is_cancelled_while_it_waits_for_the_connection(home, video):
    home.evaluate("window.setTimeout = () => 0")  # so that the waiting never ends by itself
    home.route("**/v1/uploads/*", lambda route: route.abort() if route.request.method == "PATCH" else route.continue_())
    send(home, video)
    home.get_by_role("alert").get_by_text("the connection is lost; trying again").wait_for()
    with home.expect_request(lambda request: request.method == "DELETE"):
        home.get_by_role("button", name="Cancel").click()
    until(home, "!document.querySelector('#send button').disabled")
    assert home.get_by_text("disc.mp4 (").is_visible()
    assert home.evaluate("localStorage.getItem('har_ros uploads')") == "{}"


def test_an_upload_that_the_server_no_longer_has_is_not_offered(home):
    upload = {"place": "/v1/uploads/1", "name": "old.mp4", "sent": 1, "size": 2}
    for expires, said in (("Date.now() + 60000", "old.mp4 was interrupted at 50 %"), ("Date.now() - 1", "")):
        kept = f"{{old: {{...{json.dumps(upload)}, expires: {expires}}}}}"
        home.evaluate(f"localStorage.setItem('har_ros uploads', JSON.stringify({kept}))")
        home.reload()
        until(home, "document.querySelector('#send select').form.id === 'send'")
        assert home.locator("#interrupted").inner_text().startswith(said)
        assert bool(home.locator("#interrupted").inner_text()) == bool(said)


def test_of_several_videos_the_refused_stay_chosen_and_the_others_are_sent_once(home, video, app):
    films = [{"name": f"{number}.mp4", "mimeType": "video/mp4", "buffer": video.read_bytes()} for number in range(2)]
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"text"}
    send(home, films[0], text, films[1])
    home.get_by_role("alert").get_by_text("notes.txt is no video; send one of").wait_for()
    until(home, "!document.querySelector('#send button').disabled")
    assert home.locator(".drop label").inner_text() == "notes.txt (1 kB)"
    assert [job.name for job in app.state.service.store.newest(9)] == ["1.mp4", "0.mp4"]


def test_a_video_that_is_refused_after_it_was_sent_is_chosen_and_remembered_no_more(home, app):
    send(home, {"name": "bad.mp4", "mimeType": "video/mp4", "buffer": b"no video"})
    home.get_by_role("alert").get_by_text("bad.mp4 cannot be opened as a video").wait_for()
    until(home, "!document.querySelector('#send button').disabled")
    assert home.locator(".drop label").inner_text() == "Drop videos here, or choose them"
    assert home.evaluate("localStorage.getItem('har_ros uploads')") == "{}"
    assert app.state.service.store.newest(9) == []


def test_an_empty_file_is_refused_before_it_is_sent(home, video, app):
    asked = []
    home.on("request", lambda request: asked.append(request.headers) if request.url.endswith("/v1/uploads") else None)
    empty = {"name": "empty.mp4", "mimeType": "video/mp4", "buffer": b""}
    send(home, empty, {"name": "full.mp4", "mimeType": "video/mp4", "buffer": video.read_bytes()})
    home.get_by_role("alert").get_by_text("empty.mp4 is empty; choose another video").wait_for()
    assert home.locator(".drop label").inner_text() == "empty.mp4 (0 kB)"
    assert [headers["upload-length"] for headers in asked] == [str(video.stat().st_size)]
    assert [job.name for job in app.state.service.store.newest(9)] == ["full.mp4"]


def test_why_a_video_was_refused_is_said_also_when_the_next_one_fails(home, video):
    answer = {"status": 422, "content_type": "application/problem+json", "body": '{"detail": "no such network"}'}
    home.route("**/v1/jobs", lambda route: route.fulfill(**answer))
    film = {"name": "film.mp4", "mimeType": "video/mp4", "buffer": video.read_bytes()}
    send(home, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"text"}, film)
    home.get_by_role("alert").get_by_text("no such network").wait_for()
    assert home.get_by_role("alert").inner_text().startswith("notes.txt is no video; send one of")


def test_what_is_dropped_is_chosen_and_what_is_no_video_is_refused_in_a_sentence(home):
    files = home.evaluate_handle("""() => {
        const files = new DataTransfer();
        files.items.add(new File(["text"], "notes.txt"));
        return files;
    }""")
    home.dispatch_event("body", "dragover", {"dataTransfer": files})
    home.dispatch_event("h1", "drop", {"dataTransfer": files})
    assert home.get_by_text("notes.txt (1 kB)").is_visible()
    assert home.get_by_role("button", name="Recognise").evaluate("button => document.activeElement === button")
    home.keyboard.press("Enter")
    home.get_by_role("alert").get_by_text("notes.txt is no video; send one of").wait_for()


def test_an_option_that_cannot_be_is_shown_where_it_is_and_one_of_the_server_is_said(home, video):
    home.get_by_role("button", name="Recognise").click()
    home.get_by_role("alert").get_by_text("Choose a video first").wait_for()
    choose(home, video)
    home.get_by_text("More options").click()
    home.get_by_label("event start").fill("7")
    home.get_by_text("More options").click()
    home.get_by_role("button", name="Recognise").click()
    assert home.get_by_label("event start").evaluate("input => document.activeElement === input")
    home.get_by_label("event start").fill("0.2")
    home.get_by_role("button", name="Recognise").click()
    home.get_by_role("alert").get_by_text("event_end is 0.3, above event_start").wait_for()

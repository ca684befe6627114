"""Results in a real browser: the timeline, the comparison, the history and the models."""

import json
import re

import pytest
from chromium import barriers, serving, until
from clips import RATE, moving

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from fastapi.testclient import TestClient

from har_ros.recordings.video_file import VideoFile
from har_ros.service.application import application
from har_ros.service.folder import RESULT, SUMMARY, VIDEO, ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.jobs.store import JobStore
from har_ros.service.settings import ServiceSettings

FRAMES = 80
NASTY = "<b onclick=alert(1)>wave</b>"
SPANS = [(1.0, 3.0, "sit", ""), (4.0, 6.0, NASTY, "video_person_1"), (7.0, 9.0, "stand", "")]
OTHERS = [(1.0, 3.0, "sit", ""), (7.0, 8.0, "fall", "")]
MANY = 101
COMPARED = ("/compare?a={1}&b={2}", "/compare?a={1}&b={3}")
PAGES = ("/", "/jobs/{1}", "/jobs/{3}", *COMPARED, "/models", "/docs", "/jobs/none")


def rows(spans):
    names = ("start", "end", "label", "person", "score")
    return [dict(zip(names, (*span, 0.8), strict=True)) for span in spans]


def window(end, label, person=""):
    who = {"person": person} if person else {}
    return {"frame": 0, "start": end - 1, "end": end, "actions": [{"label": label, "score": 0.5}], **who}


def stage(folder, name, spans, **options):
    """Write a job that is done, as a worker leaves it. Returns its id."""
    store = JobStore(folder.jobs)
    job, _ = store.add(name, options)
    store.enqueue(job.id)
    store.claim(1)
    store.finish(job.id, 1)
    place = folder.of(job.id)
    place.mkdir(parents=True)
    (place / "input.mp4").write_bytes(b"")
    sink = VideoFile(place / VIDEO, RATE)
    for picture in moving(frames=FRAMES):
        sink.show(picture)
    sink.close()
    people = [{"id": "video_person_1", "start": 3.5, "end": 8.0}]
    found = {"video": name, "model": "tiny", "frames": FRAMES, "note": "", "spans": rows(spans), "persons": people}
    windows = [window(1.0, "sit"), window(2.0, "stand"), window(5.0, NASTY, "video_person_1")]
    (place / SUMMARY).write_text(json.dumps(found))
    (place / RESULT).write_text(json.dumps({**found, "windows": windows}))
    (place / "actions.vtt").write_text("WEBVTT\n")
    return job.id


@pytest.fixture(scope="module")
def staged(tmp_path_factory, models):
    """The address of a server without workers, and two results of a video."""
    folder = ServiceFolder(tmp_path_factory.mktemp("service"))
    failed, _ = JobStore(folder.jobs).add("broken.mp4", {})
    jobs = stage(folder, "disc.mp4", SPANS), stage(folder, "disc.mp4", OTHERS, model="tiny")
    settings = ServiceSettings(models, workers=0, links=True, most_bytes=10**6)
    with serving(application(folder.path, settings, Guard("127.0.0.1", ""))) as address:
        yield address, *jobs, failed.id


@pytest.fixture
def result(tab, staged):
    """The page of a result whose video can be played."""
    tab.goto(f"{staged[0]}/jobs/{staged[1]}")
    until(tab, "document.querySelector('video').readyState > 0")
    return tab


def at(tab, seconds):
    """Wait until the video is somewhere, and the timeline says so."""
    until(tab, f"Math.abs(document.querySelector('video').currentTime - {seconds}) < 0.15")
    until(tab, f"Math.abs(document.querySelector('[role=slider]').getAttribute('aria-valuenow') - {seconds}) < 0.15")


def test_a_click_into_the_timeline_or_the_table_leads_the_video(result):
    line = result.get_by_role("slider")
    box = line.bounding_box()
    line.click(position={"x": box["width"] * 0.2, "y": 30})
    at(result, 2.0)
    assert "sit" in line.get_attribute("aria-valuetext")
    assert result.locator("tr.current").inner_text().split() == ["0:01.0", "0:03.0", "sit", "whole", "image", "0.80"]
    result.get_by_role("button", name="Go to 0:07.0").click()
    at(result, 7.0)
    assert line.get_attribute("aria-valuetext") == "0:07.0, stand"


def test_keys_lead_the_video_from_the_timeline(result):
    line = result.get_by_role("slider")
    assert line.get_attribute("aria-valuemax") == "10.0"
    line.focus()
    for key, seconds in (
        ("PageDown", 1.0),
        ("PageDown", 4.0),
        ("ArrowRight", 5.0),
        ("PageUp", 4.0),
        ("ArrowLeft", 3.0),
        ("End", 10.0),
        ("Home", 0.0),
    ):
        result.keyboard.press(key)
        at(result, seconds)
    result.keyboard.press("Space")
    until(result, "document.querySelector('video').currentTime > 0.3")


def test_people_have_rows_of_their_own_and_labels_are_text(result):
    line = result.get_by_role("slider")
    assert line.locator(".who").all_inner_texts() == ["whole image", "person 1"]
    span = line.locator(".span").nth(2)
    assert span.inner_text() == NASTY
    lane, box = line.locator(".lane").nth(1).bounding_box(), span.bounding_box()
    assert box["x"] - lane["x"] == pytest.approx(0.4 * lane["width"], abs=2)
    assert box["width"] == pytest.approx(0.2 * lane["width"], abs=2)
    assert box["y"] == lane["y"]
    chart = result.locator("#chart-text")
    chart.get_by_text("Highest: sit 0.50, stand 0.50.").wait_for()
    result.get_by_label("of", exact=True).select_option(label="person 1")
    chart.get_by_text(f"Highest: {NASTY} 0.50.").wait_for()


def test_the_chart_of_classes_follows_and_leads_the_video(result):
    plot = result.locator(".u-over")
    width = plot.bounding_box()["width"]
    plot.click(position={"x": width * 0.5, "y": 20})
    at(result, 5.0)
    until(result, f"Math.abs(parseFloat(document.querySelector('.u-over .now').style.left) - {width * 0.5}) < 5")
    result.get_by_role("button", name="Go to 0:01.0").click()
    until(result, f"Math.abs(parseFloat(document.querySelector('.u-over .now').style.left) - {width * 0.1}) < 5")


def test_two_results_of_a_video_are_compared(result):
    created = result.locator("select#b option").evaluate("option => [option.dataset.created, option.textContent]")
    assert created[0] not in created[1]
    result.get_by_role("button", name="Compare").click()
    result.get_by_role("heading", name="Where they differ").wait_for()
    table = [
        row.locator("td").all_inner_texts() for row in result.get_by_label("Differences").locator("tbody tr").all()
    ]
    assert [[" ".join(cell.split()) for cell in row] for row in table] == [
        ["0:04.0", "0:06.0", f"a person: {NASTY}", "– no event"],
        ["0:07.0", "0:08.0", "stand", "fall"],
        ["0:08.0", "0:09.0", "stand", "– no event"],
    ]
    until(result, "document.querySelector('video').readyState > 0")
    lines = result.get_by_role("slider")
    assert lines.count() == 3
    assert lines.nth(2).locator(".who").all_inner_texts() == ["A / B"]
    result.get_by_role("button", name="Go to 0:08.0").click()
    at(result, 8.0)
    result.get_by_label("B", exact=True).check()
    at(result, 8.0)
    for what in ("document.querySelector('video').currentSrc", "document.querySelector('track').src"):
        until(result, f"{what}.includes(location.search.slice(-32))")


def test_what_people_do_is_compared_only_where_both_follow_them(tmp_path, models):
    folder = ServiceFolder(tmp_path)
    first, second = stage(folder, "disc.mp4", SPANS, persons=True), stage(folder, "disc.mp4", OTHERS)
    app = application(tmp_path, ServiceSettings(models, workers=0), Guard("127.0.0.1", ""))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        text = client.get(f"/compare?a={first}&b={second}").text
        assert "Only A follows people" in text
        assert "a person:" not in text
        assert "follows people" not in client.get(f"/compare?a={first}&b={first}").text
        assert "Person 1: no event." in client.get(f"/jobs/{second}").text
        assert "no event." not in client.get(f"/jobs/{first}").text


def test_a_class_is_found_among_those_of_all_models(tab, staged):
    tab.goto(f"{staged[0]}/models")
    tab.get_by_label("Which one knows a class?").fill("golf")
    tab.get_by_text("golf", exact=True).wait_for()
    assert "everyday-14" in tab.get_by_role("heading", level=2).all_inner_texts()
    assert not tab.get_by_role("heading", name="tiny").is_visible()
    tab.get_by_label("Which one knows a class?").fill("juggling elephants")
    tab.get_by_text("0 classes: no network here knows it; teach one").wait_for()
    tab.get_by_label("Which one knows a class?").fill("")
    tab.get_by_role("heading", name="tiny").wait_for()


def test_what_a_network_knows_stands_beside_the_choice(tab, staged):
    tab.goto(staged[0])
    tab.get_by_label("model", exact=True).select_option("tiny")
    tab.get_by_text("5 classes: class 0, class 1, class 2, …").first.click()
    text = tab.get_by_text("Any other action is given as the class that looks most like it")
    text.locator("visible=true").wait_for()
    tab.get_by_text("More options").click()
    of_people = tab.get_by_text("15 classes: catch, clap, golf, …")
    of_people.wait_for()
    tab.get_by_label("persons model").select_option("tiny")
    of_people.wait_for(state="hidden")


def test_a_link_is_followed_where_the_server_follows_links(tab, staged):
    tab.goto(staged[0])
    tab.get_by_label("link").fill("https://example.org/linked.mp4")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/jobs/*")
    assert tab.get_by_role("heading", level=1).inner_text().endswith("linked.mp4")
    tab.get_by_text("Waiting until a worker is free").first.wait_for()


def test_the_history_goes_on_to_older_jobs(tab, tmp_path, models):
    store = JobStore(ServiceFolder(tmp_path).jobs)
    for number in range(MANY):
        store.add(f"{number}.mp4", {})
    with serving(
        application(tmp_path, ServiceSettings(models, workers=0, most_bytes=10**6), Guard("127.0.0.1", ""))
    ) as address:
        tab.goto(address)
        assert tab.locator("#history tbody tr").count() == 100
        assert not tab.get_by_label("link").is_visible()
        assert tab.get_by_role("link", name="100.mp4").is_visible()
        tab.get_by_role("link", name="Older").click()
        tab.get_by_role("link", name="0.mp4", exact=True).wait_for()
        assert tab.locator("#history tbody tr").count() == 1
        tab.get_by_role("link", name="Newest").click()
        tab.get_by_role("link", name="100.mp4").wait_for()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_can_be_used_by_all_and_on_a_phone(tab, staged, path, scheme, width):
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": width, "height": 844})
    tab.goto(staged[0] + path.format(*staged))
    tab.locator("details").evaluate_all("found => found.forEach((one) => (one.open = true))")
    assert barriers(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tables = tab.locator("[aria-label=Events], [aria-label=Differences]")
    assert tables.evaluate_all("found => found.filter((one) => one.scrollWidth > one.clientWidth).length") == 0


def test_of_two_videos_that_are_erased_at_once_neither_stays_in_the_history(tab, tmp_path, models):
    app, held = application(tmp_path, ServiceSettings(models, workers=0), Guard("127.0.0.1", "")), []
    for name in ("a.mp4", "b.mp4"):
        app.state.service.store.add(name, {"model": "tiny"})
    app.state.service.store.recover()  # which ends them
    with serving(app) as address:
        tab.on("dialog", lambda dialog: dialog.accept())
        tab.goto(address)
        tab.route(re.compile("/v1/jobs/"), lambda route: held.append(route))
        for name in ("a.mp4", "b.mp4"):
            with tab.expect_request("**/v1/jobs/*"):
                tab.get_by_role("button", name=f"Erase {name}").click()
        held[0].continue_()
        until(tab, "document.querySelectorAll('#history tbody tr').length === 1")
        held[1].continue_()
        tab.get_by_text("There are no videos yet").wait_for()

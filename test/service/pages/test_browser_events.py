"""Pages that follow events, in a real browser, while the server fails, and when what they follow is gone."""

import json
import re

import pytest
from chromium import until

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings

BUSY = {
    "status": 503,
    "content_type": "application/problem+json",
    "body": json.dumps({"detail": "the server has much to do; try again"}),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory, models, live):
    settings = ServiceSettings(models, workers=0, most_bytes=1_000_000)
    return application(tmp_path_factory.mktemp("service"), settings, Guard("127.0.0.1", ""), live)


@pytest.fixture
def job(app):
    """A job that waits for a worker for ever."""
    job, _ = app.state.service.store.add("wave.mp4", {"model": "tiny"})
    app.state.service.store.enqueue(job.id)
    yield job
    app.state.service.store.remove(job.id)


def test_after_an_error_of_the_server_the_page_tries_again_less_and_less_often(tab, address, live):
    tab.clock.install(time=0)
    tab.clock.pause_at(1000)  # it would go on by itself, and faster than a busy machine looks
    tab.route(re.compile("/v1/live(/events)?$"), lambda route: route.fulfill(**BUSY))
    tab.goto(f"{address}/live")
    line = tab.locator("#line")
    for seconds in (1, 2, 4, 8, 16, 30, 30):
        line.get_by_text(f"the server has much to do; try again. Trying again in {seconds} s.").wait_for()
        line.evaluate("line => line.textContent = ''")  # what is said next may be the same
        with tab.expect_request("**/v1/live/events"):
            tab.clock.run_for(1000 * seconds)
    line.get_by_text("Trying again in 30 s.").wait_for()
    tab.unroute_all()
    tab.clock.run_for(30_000)
    until(tab, "document.getElementById('line').textContent === ''")
    happened = {"camera": "cam01", "id": "e1", "person": "", "label": "wave", "state": "started", "start": 5.0}
    live.say("event", happened)
    tab.get_by_role("log").get_by_text("cam01: wave …").wait_for()


def test_a_job_that_was_erased_elsewhere_is_said(tab, address, app, job):
    tab.goto(f"{address}/jobs/{job.id}")
    tab.locator("#state").get_by_text("Waiting until a worker is free.").wait_for()
    app.state.service.erase(job.id)
    tab.locator("#state").get_by_text(f"This cannot be followed any more: there is no job {job.id}").wait_for()


def test_what_can_be_done_where_events_are_refused_is_said(tab, address, job):
    tab.route("**/events", lambda route: route.fulfill(**{**BUSY, "status": 429}))
    tab.goto(f"{address}/jobs/{job.id}")
    tab.locator("#state").get_by_text("if many pages follow something, close some. Trying again in 1 s.").wait_for()


def test_what_was_found_is_asked_for_again_after_an_error(tab, address, app, job):
    store = app.state.service.store
    store.claim(1)
    tab.route("**/found", lambda route: route.fulfill(**BUSY))
    tab.goto(f"{address}/jobs/{job.id}")
    store.progress(job.id, 1, 10, 100, 1)
    tab.get_by_role("alert").get_by_text("What was found cannot be shown: the server has much to do").wait_for()
    tab.unroute_all()
    tab.get_by_role("heading", name="Found so far").wait_for()
    until(tab, "document.getElementById('said').textContent === ''")


def round_trip(tab):
    """Wait until a page has done what was due, and taken the answers that it had: one of its own comes after them."""
    tab.evaluate("async () => { await fetch('/v1/jobs'); }")


def test_an_erased_job_is_not_shown_again_by_a_list_that_was_asked_for_before(tab, address, app, job):
    held = []
    tab.route("**/history", lambda route: held.append(route) if not held else route.continue_())
    tab.on("dialog", lambda dialog: dialog.accept())
    with tab.expect_request("**/history"):
        tab.goto(address)
    app.state.service.store.claim(1)
    app.state.service.store.finish(job.id, 1)  # so that the list is not renewed by itself
    before = tab.request.get(f"{address}/history")
    with tab.expect_response("**/v1/jobs/*"):
        tab.get_by_role("button", name="Cancel wave.mp4").click()
    tab.get_by_text("There are no videos yet").wait_for()
    held[0].fulfill(response=before)
    round_trip(tab)
    assert tab.get_by_text("There are no videos yet").is_visible()


def test_what_another_request_said_stays_while_more_is_found(tab, address, app, job):
    store = app.state.service.store
    store.claim(1)
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.goto(f"{address}/jobs/{job.id}")
    tab.route(f"**/v1/jobs/{job.id}", lambda route: route.fulfill(**BUSY))
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_role("alert").get_by_text("the server has much to do; try again").wait_for()
    with tab.expect_response("**/found"):
        store.progress(job.id, 1, 10, 100, 1)
    tab.get_by_role("heading", name="Found so far").wait_for()
    assert tab.get_by_role("alert").inner_text() == "the server has much to do; try again"


def test_what_was_found_is_not_asked_for_again_where_it_is_gone(tab, address, app, job):
    store, asked = app.state.service.store, []
    store.claim(1)
    tab.clock.install(time=0)
    tab.clock.pause_at(1000)
    tab.route("**/found", lambda route: asked.append(route) or route.fulfill(**{**BUSY, "status": 404}))
    tab.goto(f"{address}/jobs/{job.id}")
    with tab.expect_request_finished(lambda request: request.url.endswith("/found")):
        store.progress(job.id, 1, 10, 100, 1)
    round_trip(tab)
    tab.clock.run_for(60_000)
    round_trip(tab)
    assert (len(asked), tab.locator("#said").text_content()) == (1, "")

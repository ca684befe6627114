"""The pages in a real browser."""

import pytest
from chromium import barriers, serving

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings

TOKEN = "a token that is long enough"


@pytest.fixture
def address(tmp_path):
    app = application(tmp_path, ServiceSettings(workers=0), Guard("127.0.0.1", TOKEN))
    with serving(app) as address:
        yield address


def test_a_visitor_logs_in_and_out(tab, address):
    tab.goto(address)
    assert barriers(tab) == []
    tab.get_by_label("Token").fill("wrong")
    tab.keyboard.press("Enter")
    assert "not the token" in tab.get_by_role("alert").inner_text()
    tab.get_by_label("Token").fill(TOKEN)
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="What do people do in a video?").wait_for()
    assert barriers(tab) == []
    tab.get_by_role("link", name="API").click()
    tab.get_by_role("heading", name="HTTP API").wait_for()
    assert barriers(tab) == []
    tab.get_by_role("button", name="Log out").click()
    tab.goto(address)
    tab.get_by_role("heading", name="Log in").wait_for()


def test_a_visitor_who_is_logged_out_during_an_upload_is_not_asked_whether_to_leave(tab, address):
    asked = []
    tab.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    tab.goto(address)
    tab.get_by_label("Token").fill(TOKEN)
    tab.keyboard.press("Enter")
    tab.get_by_label("Drop videos here").set_input_files(
        {"name": "wave.mp4", "mimeType": "video/mp4", "buffer": b"video"}
    )
    with tab.expect_request("**/v1/uploads/*"):
        tab.route("**/v1/uploads/*", lambda route: None, times=1)
        tab.get_by_role("button", name="Recognise").click()
    tab.reload()
    assert asked == ["beforeunload"]
    tab.get_by_label("Drop videos here").set_input_files(
        {"name": "wave.mp4", "mimeType": "video/mp4", "buffer": b"video"}
    )
    tab.context.clear_cookies()
    tab.get_by_role("button", name="Recognise").click()
    tab.wait_for_url("**/login")
    assert asked == ["beforeunload"]


def test_a_visitor_who_is_logged_out_elsewhere_is_sent_to_log_in(tab, address):
    tab.goto(address)
    tab.get_by_label("Token").fill(TOKEN)
    tab.keyboard.press("Enter")
    for name, mime in (("wave.mp4", "video/mp4"), ("", "")):
        tab.get_by_label("Drop videos here").wait_for()
        tab.context.clear_cookies()
        if name:
            tab.get_by_label("Drop videos here").set_input_files({"name": name, "mimeType": mime, "buffer": b"video"})
            tab.get_by_role("button", name="Recognise").click()
        else:
            tab.evaluate("htmx.trigger(document.body, 'changed')")
        tab.wait_for_url("**/login")
        tab.get_by_label("Token").fill(TOKEN)
        tab.keyboard.press("Enter")
    tab.get_by_label("Drop videos here").wait_for()

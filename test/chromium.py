"""A real Chromium, an application that is served to it, and what it finds wrong with a page."""

import shutil
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from waiting import WAIT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = "Chromium is not installed; run: apt-get install chromium"
SERIOUS = ("serious", "critical")
POLICY = "Content Security Policy"


def chromium():
    """Return the program of an installed Chromium, None when there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def launching():
    """Yield a function that starts a Chromium with more options; all are closed at the end. Skips without one."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed; run: pip install playwright"
    )
    if (place := chromium()) is None:
        pytest.skip(NO_CHROMIUM)
    given = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"]
    with sync_api.sync_playwright() as playwright, ExitStack() as opened:

        def start(*more):
            browser = playwright.chromium.launch(executable_path=place, args=[*given, *more])
            opened.callback(browser.close)
            return browser

        yield start


@contextmanager
def visitor(browser):
    """A tab of a new visitor. Errors of scripts, and what the policy forbids, fail the test: tab.wrong."""
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(1000 * WAIT)
    tab.wrong = []
    tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
    tab.on("console", lambda message: tab.wrong.append(message.text) if POLICY in message.text else None)
    yield tab
    tab.unroute_all(behavior="ignoreErrors")  # one that is being continued can let the close wait for ever
    context.close()
    assert tab.wrong == []


@contextmanager
def serving(app):
    """Serve an application on a free port of the loopback. Yields its address."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
    started = threading.Event()
    startup = server.startup

    async def start(sockets=None):
        await startup(sockets)
        started.set()

    server.startup = start
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(WAIT)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(WAIT)
        assert not thread.is_alive()


def until(tab, expression):
    """Wait until an expression is true in a page. (Playwright's wait_for_function needs eval, which is forbidden.)"""
    end = time.monotonic() + WAIT
    while not tab.evaluate(expression):
        assert time.monotonic() < end, f"never came true: {expression}"
        tab.wait_for_timeout(50)


def barriers(tab):
    """Return what axe-core finds serious or worse in a page."""
    from axe_playwright_python.sync_playwright import Axe

    wrong = tab.wrong.copy()
    found = Axe().run(tab).response["violations"]
    tab.wrong[:] = wrong  # without the policy's complaints about axe-core itself
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]


def add_class(tab, name, clips=()):
    """Make a class of the dataset that a page shows, and add clips, video files; they are there when it returns."""
    tab.get_by_label("New class").fill(name)
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name=name, exact=True).wait_for()
    if clips:
        tab.get_by_label(f"Drop clips of {name} here").set_input_files(clips)
        for clip in clips:
            tab.get_by_role("link", name=f"{clip.stem}.mp4").wait_for()

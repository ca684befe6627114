"""Clips, a small network, and a real Chromium for the tests of the service."""

from contextlib import ExitStack, contextmanager

import pytest
from chromium import chromium
from clips import moving, teachable, write_video

POLICY = "Content Security Policy"


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with a small network, tiny."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "tiny").mkdir()
    teachable(folder / "tiny").rename(folder / "tiny" / "card.yaml")
    return folder


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "disc.mp4", moving(frames=60))


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "long.mp4", moving(frames=3000))


@pytest.fixture(scope="session")
def launch():
    """Returns a function that starts a Chromium with more options; all are closed at the end."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    place = chromium()
    if place is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    given = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"]
    with sync_api.sync_playwright() as playwright, ExitStack() as opened:

        def start(*more):
            browser = playwright.chromium.launch(executable_path=place, args=[*given, *more])
            opened.callback(browser.close)
            return browser

        yield start


@pytest.fixture(scope="session")
def browser(launch):
    """A Chromium, with a camera that shows a test picture."""
    return launch()


@contextmanager
def visitor(browser):
    """A tab of a new visitor. Errors of scripts, and what the policy forbids, fail the test: tab.wrong."""
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    tab.wrong = []
    tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
    tab.on("console", lambda message: tab.wrong.append(message.text) if POLICY in message.text else None)
    yield tab
    context.close()
    assert tab.wrong == []


@pytest.fixture
def tab(browser):
    with visitor(browser) as tab:
        yield tab


@pytest.fixture
def tab_with(launch):
    """Returns a function that opens a tab of a browser with more options."""
    with ExitStack() as opened:
        yield lambda *options: opened.enter_context(visitor(launch(*options)))

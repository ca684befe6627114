"""Clips, a small network, and a real Chromium for the tests of the service."""

from contextlib import ExitStack

import pytest
from chromium import launching, visitor
from clips import LONG, moving, tiny_in, write_video

from har_ros.recordings.join import join


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with a small network, tiny."""
    return tiny_in(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "disc.mp4", moving(frames=60))


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    """A video of LONG frames, which takes so long that a slow client finds its job running."""
    folder = tmp_path_factory.mktemp("videos")
    part = write_video(folder / "part.mp4", moving(frames=LONG // 10))
    join([part] * 10, folder / "long.mp4")
    return folder / "long.mp4"


@pytest.fixture(scope="session")
def launch():
    """Returns a function that starts a Chromium with more options; all are closed at the end."""
    with launching() as start:
        yield start


@pytest.fixture(scope="session")
def browser(launch):
    """A Chromium, with a camera that shows a test picture."""
    return launch()


@pytest.fixture
def tab(browser):
    with visitor(browser) as tab:
        yield tab


@pytest.fixture
def tab_with(launch):
    """Returns a function that opens a tab of a browser with more options."""
    with ExitStack() as opened:
        yield lambda *options: opened.enter_context(visitor(launch(*options)))

import os
from pathlib import Path

import pytest
from gpu import gpu_missing
from hypothesis import settings
from small_networks import brightness

SHARED_DATA = Path(os.environ.get("HAR_ROS_DATA", Path(__file__).parents[2] / "shared" / "data"))

settings.register_profile("default", deadline=None)  # CI's machines are sometimes slow
settings.register_profile("nightly", deadline=None, max_examples=10_000)  # pytest --hypothesis-profile nightly
settings.load_profile("default")


@pytest.fixture(scope="session")
def shared_data():
    """The project's inputs that are not in the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"{SHARED_DATA} is not there; set HAR_ROS_DATA to the folder with cricket.gif")
    return SHARED_DATA


@pytest.fixture(scope="session")
def brightness_card(tmp_path_factory):
    """The card of a network whose class k scores the brightness of frame k."""
    return brightness(tmp_path_factory.mktemp("brightness"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "har_ros"


@pytest.fixture(scope="module")
def module_cache(tmp_path_factory):
    """A cache folder for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_runtest_setup(item):
    """Skip what needs a GPU, with the reason."""
    if item.get_closest_marker("gpu") and (reason := gpu_missing()):
        pytest.skip(reason)

"""A server for the tests of a module, which say what it serves."""

import pytest
from chromium import serving

from har_ros.service.live.robot import Live


@pytest.fixture(scope="module")
def live():
    """A robot's cameras, which show nothing yet."""
    return Live()


@pytest.fixture(scope="module")
def address(app):
    """Where the application of the module's fixture app is served."""
    with serving(app) as address:
        yield address

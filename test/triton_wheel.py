"""Whether the server of the wheel nvidia-pytriton can be started."""

from importlib.util import find_spec

import pytest

from har_ros.backends.triton.wheel import INSTALL

NEEDS_SERVER = pytest.mark.skipif(find_spec("pytriton") is None, reason=f"no server is installed; run: {INSTALL}")

"""The actionnet command, as it is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACTIONNET = Path(sys.executable).with_name("actionnet")


def skip_without_command():
    if not ACTIONNET.exists():
        pytest.skip(f"{ACTIONNET} is not there; run: pip install .")


def actionnet(*arguments, **environment):
    skip_without_command()
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    command = [str(argument) for argument in (ACTIONNET, *arguments)]
    return subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", **kept, **environment}, capture_output=True, text=True, timeout=300
    )

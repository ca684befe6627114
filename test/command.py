"""The actionnet command, as it is installed."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ACTIONNET = Path(sys.executable).with_name("actionnet")
LIMIT = 300
"""Seconds that it may run."""


def skip_without_command():
    if not ACTIONNET.exists():
        pytest.skip(f"{ACTIONNET} is not there; run: pip install .")


def actionnet(*arguments, **environment):
    skip_without_command()
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    command = [str(argument) for argument in (ACTIONNET, *arguments)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONFAULTHANDLER": "1", **kept, **environment}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes) as process:
        try:
            output, messages = process.communicate(timeout=LIMIT)
        except BaseException as error:
            if hangs := isinstance(error, subprocess.TimeoutExpired):
                process.send_signal(signal.SIGABRT)  # Python then says where each thread is
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            os.killpg(process.pid, signal.SIGKILL)
            if not hangs:
                raise
            pytest.fail(f"{command} hangs: {process.communicate()}")
    return subprocess.CompletedProcess(command, process.returncode, output, messages)


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def failure(result):
    """Return the one sentence that a failed command says."""
    assert result.returncode == 1, (result.stdout, result.stderr)
    said = [line for line in result.stderr.splitlines() if line.startswith("actionnet: ")]
    assert len(said) == 1
    assert "Traceback" not in result.stderr
    return said[0]

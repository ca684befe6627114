"""The package's executables, as processes."""

import select
import subprocess
import sys
from contextlib import contextmanager

from waiting import WAIT

LOADING_FOR_EVER = """
import threading
from har_ros.nodes.actionnet import main
from har_ros.pipeline.recognizer import FoundNetwork
def load(self):
    print("loading", flush=True)
    while not threading.Event().wait(0.1):  # a signal just before an endless one would not end it
        pass
FoundNetwork.load = load
raise SystemExit(main())
"""
"""The node, whose network is never loaded; it says "loading"."""


def line(process):
    """Return the next line of its output; empty when none comes."""
    return process.stdout.readline() if select.select([process.stdout], [], [], WAIT)[0] else ""


@contextmanager
def running(command, cwd):
    """Run a process, which does not outlive the block."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=cwd, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def program(executable, *arguments):
    command = [sys.executable, "-c", f"from har_ros.nodes.{executable} import main; raise SystemExit(main())"]
    return [*command, "--ros-args", *arguments]

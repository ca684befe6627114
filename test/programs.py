"""The package's executables, as processes."""

import select
import subprocess
import sys
from contextlib import contextmanager

from waiting import WAIT


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

"""Processes of the service end with the server, however it ends."""

import subprocess
import sys

from waiting import WAIT

PROGRAM = """
import time
from har_ros.service.process import end_with_the_server
end_with_the_server()
print("begun", flush=True)
time.sleep(600)
"""


def test_a_process_ends_when_the_other_end_of_its_input_is_closed():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"begun\n"
            process.stdin.close()
            assert process.wait(WAIT) == 0
        finally:
            process.kill()


def test_nothing_is_begun_when_the_server_ended_before():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT)
    assert (ended.returncode, ended.stdout) == (0, b"")

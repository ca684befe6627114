"""SIGINT, SIGTERM and SIGHUP, while a command works and before it does."""

import signal
import subprocess
import sys

import cv2
import pytest
from command import ACTIONNET, skip_without_command
from pictures import write_video
from waiting import WAIT

from har_ros.commands.shared.program import until_a_signal
from har_ros.errors import HarError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_leaves_a_video_of_what_was_written_and_no_hidden_file(brightness_card, tmp_path, number):
    skip_without_command()
    video, output = write_video(tmp_path / "in.avi", 5_000), tmp_path / "out.mp4"
    command = [ACTIONNET, video, output, "--network", brightness_card, "--backend", "openvino"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("frame")  # which is written next
        assert process.stdout.readline().startswith("frame")
        process.send_signal(number)
        said = process.communicate(timeout=WAIT)[1]
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.avi", "out.mp4"]
    assert 0 < cv2.VideoCapture(str(output)).get(cv2.CAP_PROP_FRAME_COUNT) < 5_000


IMPORTING = """
import signal, sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "har_ros.commands.shared.command_line":
            print("importing", flush=True)
            time.sleep(600)
sys.meta_path.insert(0, Slow())
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts us may ignore it
from har_ros.commands.main import main
main([])
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_the_imports_ends_the_command_without_a_word(number):
    with subprocess.Popen([sys.executable, "-c", IMPORTING], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        said = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, said) == (-number, "")  # 130 or 143 in a shell


TURNED = """
import signal, sys
from har_ros.commands.shared.program import until_a_signal
from har_ros.errors import HarError
signal.signal(signal.SIGINT, signal.default_int_handler)
def run():
    try:
        signal.raise_signal(int(sys.argv[1]))
    except KeyboardInterrupt:
        raise HarError("OpenVINO cannot be imported") from None
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
before = [signal.getsignal(one) for one in SIGNALS]
status = until_a_signal(run)
assert [signal.getsignal(one) for one in SIGNALS] == before
sys.exit(status)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_what_becomes_of_an_interrupt_in_a_library_is_not_reported(number):
    """In a process of its own: a node that ran in this one may have left other handlers."""
    ran = subprocess.run([sys.executable, "-c", TURNED, str(int(number))], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (128 + number, "")


IGNORED = """
import signal, sys, time
from har_ros.commands.shared.program import until_a_signal
class Freed:
    def __del__(self):
        signal.raise_signal(int(sys.argv[1]))
def run():
    Freed()
    time.sleep(600)
sys.exit(until_a_signal(run))
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_comes_while_something_is_freed_ends_the_command_without_a_word(number):
    """Python ignores what is raised there, and would print it."""
    ran = subprocess.run(
        [sys.executable, "-c", IGNORED, str(int(number))], capture_output=True, text=True, timeout=WAIT
    )
    assert (ran.returncode, ran.stderr) == (128 + number, "")


def test_an_interrupt_without_a_signal_is_one():
    assert until_a_signal(lambda: (_ for _ in ()).throw(KeyboardInterrupt())) == 130


def test_without_a_signal_an_error_is_one():
    with pytest.raises(HarError, match="no such thing"):
        until_a_signal(lambda: (_ for _ in ()).throw(HarError("no such thing")))
    assert until_a_signal(lambda: 7) == 7

"""The installed programs, without a node: their help, and what they say in the wrong Python."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix
from waiting import WAIT

from har_ros.nodes import actionnet, video_source
from har_ros.settings import ACTIONNET, VIDEO_SOURCE

PREFIX = Path(get_package_prefix("har_ros"))
PROGRAMS = ("actionnet", "evaluate", "record_action", "serve", "teach", "video_source")
TABLES = {"actionnet": ACTIONNET, "video_source": VIDEO_SOURCE}


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("program", TABLES)
def test_help(program):
    status, said, errors = output(PREFIX / "lib" / "har_ros" / program, "--help")
    assert (status, errors) == (0, "")
    assert said.startswith("usage:")
    for row in TABLES[program]:
        assert f"\n  {row.name}:=" in said
        assert " ".join(row.description.split()) in " ".join(said.split())


IMPORTING = """
import runpy, signal, sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("har_ros"):
            print("importing", flush=True)
            time.sleep(600)
sys.meta_path.insert(0, Slow())
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts us may ignore it
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_ends_a_program_without_a_word(number):
    command = [sys.executable, "-c", IMPORTING, PREFIX / "lib" / "har_ros" / "actionnet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        errors = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, errors) == (-number, "")  # 130 or 143 in a shell


@pytest.mark.parametrize("program", [actionnet, video_source])
def test_what_is_no_ros_argument_is_refused(program, capsys):
    with pytest.raises(SystemExit) as refusal:
        program.main(["program", "image_topics:=[/a]"])
    assert refusal.value.code == 2
    said = capsys.readouterr().err
    assert "'image_topics:=[/a]' is not understood; give a parameter as --ros-args -p NAME:=VALUE" in said


@pytest.mark.parametrize("program", [*(f"lib/har_ros/{name}" for name in PROGRAMS), "bin/actionnet"])
def test_a_python_without_the_packages_is_named(program):
    path = PREFIX / program
    assert path.read_text().startswith(f"#!{sys.prefix}/bin/python")  # the one that built it
    status, _, errors = output(sys.executable, "-I", "-S", path)
    assert status == 1
    assert errors.startswith(f"{path.name}: har_ros cannot be imported by {sys.executable} (No module named 'har_ros')")
    code = "import runpy, sys; sys.path.append(sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"
    status, _, errors = output(sys.executable, "-I", "-S", "-c", code, Path(__file__).parents[2], path)
    assert status == 1
    assert errors.count("\n") == 1
    assert f"cannot be imported by {sys.executable} (No module named" in errors

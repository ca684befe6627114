"""Programs as processes: what signals do."""

import itertools
import select
import signal
import sys

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from programs import LOADING_FOR_EVER, line, program, running
from sensor_msgs.msg import Image
from waiting import WAIT

SLOW = """
import threading
from har_ros.nodes.run import Program, run
class Slow(Program):
    def start(self):
        print("starting", flush=True)
        while not threading.Event().wait(0.1):  # a signal just before an endless one would not end it
            pass
raise SystemExit(run(lambda: Slow("slow")))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_long_start(domain, tmp_path, number):
    """As that of a node that builds an engine."""
    command = [sys.executable, "-c", SLOW]
    with running(command, tmp_path) as process:
        assert line(process) == "starting\n"
        process.send_signal(number)
        log = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, log) == (0, "")


TURNED = """
import signal
from har_ros.errors import ModelError
from har_ros.nodes.run import Program, run
class Turned(Program):
    def start(self):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ModelError("OpenVINO cannot be imported") from None
raise SystemExit(run(lambda: Turned("turned")))
"""


def test_what_a_library_makes_of_a_signal_is_not_reported(domain, tmp_path):
    with running([sys.executable, "-c", TURNED], tmp_path) as process:
        log = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, log) == (0, "")


EARLY = """
import signal, rclpy
from har_ros.nodes.run import Program, run
init = rclpy.init
def early(**options):
    signal.raise_signal(signal.SIGTERM)
    init(**options)
rclpy.init = early
raise SystemExit(run(lambda: Program("early")))
"""


def test_a_signal_that_comes_before_rclpy_heeds_it_is_not_lost(domain, tmp_path):
    with running([sys.executable, "-c", EARLY], tmp_path) as process:
        log = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, log) == (0, "")


@pytest.mark.parametrize(
    ("transitions", "number"),
    [
        (None, signal.SIGINT),
        (None, signal.SIGTERM),
        ([], signal.SIGTERM),
        (["configure"], signal.SIGINT),
        (["configure", "activate"], signal.SIGTERM),
    ],
    ids=str,
)
def test_signals_end_the_node_quietly_in_every_state(ros, tmp_path, brightness_card, number, transitions):
    """None: it activates itself."""
    alive = ros.inbox(DiagnosticArray, "/diagnostics")
    autostart = "true" if transitions is None else "false"
    command = program("actionnet", "-p", f"model:={brightness_card}", "-p", f"autostart:={autostart}")
    with running(command, tmp_path) as process:
        ros.receive(alive, "the first diagnostics")
        for label in transitions or []:
            client = ros.node.create_client(ChangeState, "/actionnet/change_state")
            ros.until(client.service_is_ready, "the lifecycle's service")
            request = ChangeState.Request()
            request.transition.label = label
            future = client.call_async(request)
            ros.until(future.done, label)
            assert future.result().success
        process.send_signal(number)
        process.send_signal(number)
        log = process.communicate(timeout=WAIT)[1]
    assert process.returncode == 0
    assert [line for line in log.splitlines() if "[INFO]" not in line] == []


def test_a_signal_ends_a_long_configuration(ros, tmp_path):
    command = [sys.executable, "-c", LOADING_FOR_EVER, "--ros-args", "-p", "autostart:=false"]
    with running(command, tmp_path) as process:
        client = ros.node.create_client(ChangeState, "/actionnet/change_state")
        ros.until(client.service_is_ready, "the lifecycle's service")
        request = ChangeState.Request()
        request.transition.label = "configure"

        def loads():  # a request that comes before the service has found the client is lost
            client.call_async(request)
            return select.select([process.stdout], [], [], 1.0)[0]

        ros.until(loads, "the configuration")
        assert line(process) == "loading\n"
        process.send_signal(signal.SIGINT)
        log = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, "Traceback" in log) == (0, False)


HANGING = """
import threading
from har_ros.networks.clip import ClipNetwork
from har_ros.nodes.actionnet import main
run = ClipNetwork.run
def hang(*arguments):
    if threading.current_thread() is threading.main_thread():  # the trial at start
        return run(*arguments)
    print("hanging", flush=True)
    threading.Event().wait()
ClipNetwork.run = hang
raise SystemExit(main())
"""


def test_a_signal_ends_the_node_while_the_network_hangs(ros, tmp_path, brightness_card):
    command = [sys.executable, "-c", HANGING, "--ros-args", "-p", f"model:={brightness_card}"]
    camera = ros.node.create_publisher(Image, "/image_raw", 10)
    with running(command, tmp_path) as process:
        stamps = itertools.count(1)

        def hangs():
            message = Image(height=1, width=1, encoding="mono8", step=1, data=[0])
            message.header.stamp.sec = next(stamps)
            camera.publish(message)
            return select.select([process.stdout], [], [], 0.05)[0]

        ros.until(hangs, "the inference")
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, "Traceback" in log) == (0, False)


STANDBY = """
import atexit, threading
from har_ros.pipeline import recognizer
from har_ros.backends.standby import Standby
from har_ros.nodes.actionnet import main
load = recognizer.load_backend
def build(cancelled):
    print("building", flush=True)
    threading.Event().wait()
recognizer.load_backend = lambda *arguments: Standby(load(*arguments), build)
atexit.register(print, "Python is taken down", flush=True)
raise SystemExit(main())
"""


@pytest.mark.parametrize(("number", "loaded"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_signals_end_the_node_while_an_engine_is_built(ros, tmp_path, brightness_card, number, loaded):
    """Python must not be taken down under the thread that builds."""
    alive = ros.inbox(DiagnosticArray, "/diagnostics")
    command = [sys.executable, "-c", STANDBY, "--ros-args", "-p", f"model:={brightness_card}"]
    with running(command, tmp_path) as process:
        assert line(process) == "building\n"
        if loaded:
            ros.receive(alive, "the first diagnostics")
        process.send_signal(number)
        out, log = process.communicate(timeout=WAIT)
    assert (process.returncode, out, "Traceback" in log) == (0, "", False)


UNFREEABLE = """
from har_ros.networks.clip import ClipNetwork
from har_ros.nodes.actionnet import main
def fail(self):
    raise RuntimeError("the device is lost")
ClipNetwork.close = fail
raise SystemExit(main())
"""


def test_a_network_that_cannot_be_freed_does_not_disturb_the_end(ros, tmp_path, brightness_card):
    alive = ros.inbox(DiagnosticArray, "/diagnostics")
    command = [sys.executable, "-c", UNFREEABLE, "--ros-args", "-p", f"model:={brightness_card}"]
    with running(command, tmp_path) as process:
        ros.receive(alive, "the first diagnostics")
        process.send_signal(signal.SIGINT)
        log = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, "Traceback" in log) == (0, False)
    assert "the network cannot be freed (RuntimeError: the device is lost); restart the node" in log

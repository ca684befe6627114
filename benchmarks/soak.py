"""`make soak MINUTES=30`: four cameras with faults, and what the node makes of them.

The actionnet node runs as on a robot, in a process of its own. The cameras here send what cameras send on a bad day;
the node is deactivated and activated, its parameters change, a camera is removed and added. The table at the end
compares what was done with what /diagnostics said. The exit status is 0 when the node outlived it in
good order and did not grow.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rclpy
from ament_index_python.packages import get_package_prefix
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from rich.console import Console
from rich.progress import track
from rich.table import Table

from faulty_camera import FaultyCamera
from har_ros.msg import ActionWindow
from har_ros.nodes.middleware import keep_freed_memory
from har_ros.recordings.video import default_topics
from inputs import CAMERAS, make_films
from measure import keep_to_this_machine

TOPICS = default_topics(CAMERAS)
GROWTH = 1.1
"""Resident memory at the end over that at the start, above which the node counts as leaking."""
SETTLED = 60.0
"""Seconds after which resident memory is first noted."""


class Operator:
    """Drives the node, and adds up what it says."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.reported: Counter[str] = Counter()
        self.windows = 0
        self._last: dict[tuple[str, str], int] = {}
        self._change = node.create_client(ChangeState, "/actionnet/change_state")
        self._set_parameters = node.create_client(SetParameters, "/actionnet/set_parameters")
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        node.create_subscription(ActionWindow, "/actions/windows", self._on_window, 100)

    def _on_window(self, message: ActionWindow) -> None:
        self.windows += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Add what the counters grew by; they start over when the node is activated."""
        for status in message.status[1:]:
            for pair in status.values:
                if pair.value.isdigit():
                    key = status.hardware_id, pair.key
                    value, last = int(pair.value), self._last.get(key, 0)
                    self.reported[pair.key] += value - last if value >= last else value
                    self._last[key] = value

    def set(self, **values: Any) -> None:
        """Set parameters."""
        changes = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        self.call(self._set_parameters, SetParameters.Request(parameters=changes))

    def change(self, transition: str) -> None:
        """Drive the lifecycle."""
        request = ChangeState.Request()
        request.transition.label = transition
        if not self.call(self._change, request).success:
            raise SystemExit(f"the node did not {transition}")

    def call(self, client: Any, request: Any) -> Any:
        """Wait for a service, 30 s at most, while the cameras go on."""
        future = client.call_async(request)
        rclpy.spin_until_future_complete(self._node, future, timeout_sec=30.0)
        if not future.done():
            raise SystemExit(f"{client.srv_name} did not answer within 30 s")
        return future.result()

    def disturb(self, minute: int) -> None:
        """Do what an operator does; something else every minute."""
        if minute % 4 == 1:
            self.set(threshold=0.01 * (minute % 9), smoothing=float(minute % 3))
        elif minute % 4 == 2:
            self.set(image_topics=TOPICS[:-1])
        elif minute % 4 == 3:
            self.set(image_topics=TOPICS)
        elif minute:
            self.change("deactivate")
            self.change("activate")


def main() -> int:
    """Run it. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    keep_to_this_machine()
    keep_freed_memory()
    rclpy.init()
    node = rclpy.create_node("soak")
    operator, sent = Operator(node), Counter[str]()
    program = Path(get_package_prefix("har_ros"), "lib", "har_ros", "actionnet")
    command = [str(program), "--ros-args", "-p", f"image_topics:={TOPICS}"]
    with TemporaryDirectory() as folder, Path("soak.log").open("wb") as log:
        films = make_films(Path(folder))
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            for seed, (topic, film) in enumerate(zip(TOPICS, films, strict=True)):
                FaultyCamera(node, topic, film, sent, seed)  # its timer keeps it
            memory = run(node, operator, sent, process, minutes)
        finally:
            process.send_signal(signal.SIGINT)
            start = time.monotonic()
            status = process.wait(timeout=30)
            took = time.monotonic() - start
    Console().print(table(sent, operator, memory))
    Console().print(f"exit status {status} {took:.1f} s after SIGINT; the node's log is soak.log")
    return status or int(memory[-1] > GROWTH * memory[0])


def run(
    node: Node, operator: Operator, sent: Counter[str], process: subprocess.Popen[bytes], minutes: float
) -> list[float]:
    """Serve cameras and operator for the time given, from the first window on.

    Returns resident memory in MB, noted each minute.
    """
    while not operator.windows and process.poll() is None:
        rclpy.spin_once(node, timeout_sec=0.05)
    sent.clear()
    operator.reported.clear()
    memory = []
    start = time.monotonic()
    for second in track(range(round(minutes * 60)), "soaking"):
        while time.monotonic() < start + second:
            rclpy.spin_once(node, timeout_sec=0.05)
        if process.poll() is not None:
            raise SystemExit(f"the node ended with status {process.returncode}; see soak.log")
        if second % 60 == 0 and second >= SETTLED:
            memory.append(resident(process.pid))
            operator.disturb(second // 60)
    return [*memory, resident(process.pid)]


def resident(pid: int) -> float:
    """Return a process's resident memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def table(sent: Counter[str], operator: Operator, memory: list[float]) -> Table:
    """Return what was done beside what the node reported."""
    reported = operator.reported
    restarts = f"{reported['restarts (gap)']} gaps, {reported['restarts (clock went back)']} clock jumps"
    arrived = reported["frames"] + reported["frames broken"]
    rows = [
        ("images", sent["sent"], f"{arrived} arrived"),
        ("broken images", sent["broken"], reported["frames broken"]),
        ("images sent twice", sent["repeated"], reported["frames repeated"]),
        ("images overtaken", sent["overtaken"], reported["frames overtaken"]),
        ("stamps 10 s back, then right again", sent["clock_back"], ""),
        ("stamps years ahead, then right again", sent["years_ahead"], ""),
        ("cameras silent for 4 s", sent["silence"], ""),
        ("cameras killed and restarted", sent["killed"], ""),
        ("window restarts", "", restarts),
        ("windows", "", reported["windows"]),
        ("windows dropped, network busy", "", reported["windows dropped (network busy)"]),
        ("windows failed", "", reported["windows failed"]),
        ("messages on /actions/windows", "", operator.windows),
        ("resident memory (MB), first and last", "", f"{memory[0]:.0f} and {memory[-1]:.0f}, most {max(memory):.0f}"),
    ]
    result = Table("what", "done", "said by the node")
    for row in rows:
        result.add_row(*map(str, row))
    return result


if __name__ == "__main__":
    raise SystemExit(main())

"""Runs nodes and cameras as processes of their own, and counts what they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import rclpy
from ament_index_python.packages import get_package_prefix
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from domains import keep_domain
from har_ros.errors import HarError
from har_ros.msg import ActionWindow, PersonWindow
from har_ros.nodes.conversions import nanoseconds
from har_ros.nodes.middleware import AS_INSTALLED, PROFILES, profiles, shared_memory
from har_ros.recordings.video import default_topics
from inputs import HEIGHT, RATE, WIDTH

PROFILE = Path(get_package_prefix("har_ros"), "share", "har_ros", "config", "fastdds.xml")
CAMERAS = (sys.executable, str(Path(__file__).with_name("cameras.py")))
HERE_LAST = "import sys; sys.path.remove(''); "  # the checkout's har_ros has no messages
RUN = "from har_ros.nodes.actionnet import main; raise SystemExit(main())"
NODE = HERE_LAST + RUN
NODE_AS_INSTALLED = HERE_LAST + "from har_ros.nodes import middleware as m; m.keep_freed_memory = lambda: None; " + RUN


PATIENCE = 60.0
"""Seconds that nodes have to start."""
COUNTED = ("frames", "windows", "windows dropped (network busy)", "frames searched for people")
"""Keys of a camera's diagnostics."""
SETTLED, IDLE_AFTER = 3.0, 10.0
"""Seconds until figures are steady, and in which a still camera becomes idle."""


def keep_to_this_machine() -> None:
    """Let what starts after this use shared memory, and be heard on this machine only, in a domain of its own."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    keep_domain()
    os.environ.update(shared_memory(PROFILE))


@dataclass(frozen=True)
class Setting:
    """What is measured. processes: among how many nodes the cameras are divided.

    picture: what the cameras show; None: noise. persons: the network for people, whom the nodes then follow.
    silent: whether no camera sends anything. moving: whether something moves in the pictures of the cameras, but for
    the last `still` ones. cores: those that the cameras run on; none: those of the nodes.
    """

    cameras: int
    model: str
    rate: float = RATE
    height: int = HEIGHT
    width: int = WIDTH
    processes: int = 1
    reliable: bool = False
    as_installed: bool = False
    shared_memory: bool = True
    continual: bool = False
    picture: Path | None = None
    persons: str = ""
    silent: bool = False
    moving: bool = False
    still: int = 0
    idle: str = "off"
    threads: int = 0
    cores: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Measured:
    """All nodes together: images and windows per second, CPU seconds per image, resident MB, ms to publication.

    main_thread: CPU seconds per image of the threads that receive the images.
    windows: those that were answered. dropped: those that were not, for want of time. searched: images per second in
    which people were looked for. people: windows per second of each person. jitter: ms by which two answers of a camera
    were further apart, or closer together, than their images (RFC 3550), ordered.
    of_moving: windows of cameras that are not still.
    """

    frames: float
    windows: float
    dropped: float
    cpu: float
    main_thread: float
    memory: float
    latency: float
    searched: float
    people: tuple[float, ...]
    jitter: tuple[float, ...]
    of_moving: float


def measure(setting: Setting, seconds: float) -> Measured:
    """Run nodes and cameras, and count once every camera had a window."""
    settled = SETTLED if setting.idle == "off" else SETTLED + IDLE_AFTER
    still = frozenset(default_topics(setting.cameras)[setting.cameras - setting.still :])
    with running(setting) as (counter, nodes):
        return counter.count(nodes, seconds, settled, still)


def bare_subscriptions(cameras: int, seconds: float) -> float:
    """Return the CPU seconds of an image that is received in rclpy's own executor and not looked at."""
    environment = os.environ | profiles(PROFILE)
    command = [sys.executable, str(Path(__file__).with_name("bare_subscriptions.py")), str(cameras), str(seconds)]
    with program([*CAMERAS, *map(str, (cameras, RATE, HEIGHT, WIDTH))], environment):
        found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(found.stdout) / 1e3


@contextmanager
def running(setting: Setting, log: IO[bytes] | None = None) -> Iterator[tuple[Counter, list[int]]]:
    """Run nodes and cameras; give what hears the nodes, and their processes. log: where the nodes' lines go."""
    topics = default_topics(setting.cameras)
    environment = {name: value for name, value in os.environ.items() if name not in PROFILES}
    environment |= profiles(PROFILE) if setting.shared_memory else AS_INSTALLED
    flags = ["--as-installed"] * setting.as_installed + ["--reliable"] * setting.reliable
    flags += [f"--picture={setting.picture}"] * bool(setting.picture)
    flags += [f"--moving={setting.cameras - setting.still}"] * setting.moving
    flags += [f"--cores={','.join(map(str, sorted(setting.cores)))}"] * bool(setting.cores)
    sizes = [str(value) for value in (setting.cameras, setting.rate, setting.height, setting.width)]
    code = NODE_AS_INSTALLED if setting.as_installed else NODE
    with ExitStack() as stack:
        nodes = []
        for i in range(setting.processes):
            parameters = [f"image_topics:={topics[i :: setting.processes]}", f"model:={setting.model}"]
            parameters += [f"continual:={json.dumps(setting.continual)}", f"idle:={setting.idle!r}"]
            parameters += [f"threads:={setting.threads}"]
            if setting.persons:
                parameters += ["persons:=true", f"persons_model:={setting.persons}"]
            options = [option for parameter in parameters for option in ("-p", parameter)]
            remaps = ["-r", f"__node:=actionnet{i}"]
            command = [sys.executable, "-c", code, "--ros-args", *remaps, *options]
            nodes.append(stack.enter_context(program(command, environment, log)))
        counter = stack.enter_context(Counter.listening(topics))
        if not setting.silent:
            stack.enter_context(program([*CAMERAS, *sizes, *flags], environment))
        yield counter, [node.pid for node in nodes]


@contextmanager
def program(
    command: list[str], environment: dict[str, str], log: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of its own; stop it with SIGTERM. log: where its lines go, nowhere by default."""
    output = subprocess.DEVNULL if log is None else log
    process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


class Counter:
    """Hears what the nodes say of themselves."""

    def __init__(self, node: Node, topics: list[str]) -> None:
        self._node = node
        self._seen = dict.fromkeys(topics, False)
        self._latencies: list[float] = []
        self._ages: dict[str, list[float]] = {topic: [] for topic in topics}
        self._counts: dict[str, tuple[float, NDArray[np.int64]]] = {}
        self._people: dict[str, int] = {}
        node.create_subscription(ActionWindow, "actions/windows", self._on_window, 100)
        node.create_subscription(PersonWindow, "actions/persons/windows", self._on_person, 100)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 100)

    @classmethod
    @contextmanager
    def listening(cls, topics: list[str]) -> Iterator[Counter]:
        """Open a node for as long as the block lasts."""
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # a signal is to end the benchmark, not rclpy only
        node = rclpy.create_node("bench")
        try:
            yield cls(node, topics)
        finally:
            node.destroy_node()
            rclpy.shutdown()

    def _on_window(self, message: ActionWindow) -> None:
        self._seen[message.image_topic] = True
        age = message.age.sec + message.age.nanosec / 1e9
        self._ages[message.image_topic].append(age)
        self._latencies.append(age - message.inference_time.sec - message.inference_time.nanosec / 1e9)

    def _on_person(self, message: PersonWindow) -> None:
        self._people[message.track_id] = self._people.get(message.track_id, 0) + 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        at = nanoseconds(message.header.stamp) / 1e9
        for status in message.status[1:]:
            values = {pair.key: pair.value for pair in status.values}
            counts = [int(values.get(name, 0)) for name in COUNTED]
            self._counts[status.hardware_id] = at, np.array(counts)

    def wait(self, settled: float = SETTLED) -> None:
        """Wait until every camera had a window, if none is lost with its images, and so many seconds more."""
        self.wait_for_nodes()
        serve(self._node, lambda: all(self._seen.values()), 15)
        self.serve(settled)

    def wait_for_nodes(self) -> None:
        """Wait until the nodes tell of all cameras, whether images come or not. Raises HarError."""
        serve(self._node, lambda: self._seen.keys() <= self._counts.keys(), PATIENCE)
        if not self._seen.keys() <= self._counts.keys():
            raise HarError(f"the nodes told nothing of their cameras within {PATIENCE:g} s; is the machine busy?")

    def serve(self, seconds: float) -> None:
        """Hear what the nodes say for so long."""
        serve(self._node, lambda: False, seconds)

    def count(
        self, nodes: list[int], seconds: float, settled: float = SETTLED, still: frozenset[str] = frozenset()
    ) -> Measured:
        """Count for `seconds`, `settled` seconds after every camera had a window. still: topics."""
        self.wait(settled)
        self._latencies.clear()
        self._people.clear()
        for ages in self._ages.values():
            ages.clear()
        before, start = dict(self._counts), time.perf_counter()
        cpu, main_thread = cpu_time(nodes), cpu_time(nodes, main_thread=True)
        self.serve(seconds)
        used, elapsed = cpu_time(nodes) - cpu, time.perf_counter() - start
        used_by_main = cpu_time(nodes, main_thread=True) - main_thread
        rates = {
            topic: (counts - before[topic][1]) / (at - before[topic][0])
            for topic, (at, counts) in self._counts.items()
            if topic in before
        }
        frames, windows, dropped, searched = np.sum(list(rates.values()), axis=0).tolist()
        of_moving = sum(float(rate[1]) for topic, rate in rates.items() if topic not in still)
        if not frames > 0:
            raise HarError(
                f"no image reached the nodes within {seconds:g} s; measure for longer, or on a quiet machine"
            )
        people = tuple(count / elapsed for count in self._people.values())
        latency = float(np.median(self._latencies or [np.nan])) * 1e3
        jitter = np.sort(np.abs(np.concatenate([np.diff(ages) for ages in self._ages.values()]))) * 1e3
        images = elapsed * frames
        return Measured(
            frames,
            windows,
            dropped,
            used / images,
            used_by_main / images,
            memory(nodes),
            latency,
            searched,
            people,
            tuple(jitter.tolist()),
            of_moving,
        )


def serve(node: Node, condition: Callable[[], bool], seconds: float) -> None:
    """Serve callbacks until the condition holds or the time is over."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        rclpy.spin_once(node, timeout_sec=0.1)


def cpu_time(processes: list[int], main_thread: bool = False) -> float:
    """Return the seconds of CPU that the processes have used, or their main threads (proc(5), utime and stime)."""
    paths = [f"/proc/{one}/task/{one}/stat" if main_thread else f"/proc/{one}/stat" for one in processes]
    fields = [Path(path).read_text().rpartition(")")[2].split() for path in paths]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def memory(processes: list[int]) -> float:
    """Return the processes' resident memory in MB, shared pages counted once for each."""
    pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in processes)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

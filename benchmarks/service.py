"""`python benchmarks/service.py VIDEO`: what the clip service costs, and what becomes of jobs when it is killed.

A real server on the loopback, with its workers. By default: the time of answers with 1,000 jobs in the list, with
workers at rest and with two of them at work; and the throughput of a job, as a share of the command's, alternating.
With --kills N, workers and servers are killed at random moments, so often, and each job is looked for: none may be
lost, none done twice. The exit status is 1 when a figure misses what it should be.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.table import Table

from har_ros.service.client import Client, RemoteJob
from har_ros.service.jobs.store import JobStore

PATHS = ("/", "/v1/jobs?count=1000", "/v1/jobs?count=1", "/v1/models", "/docs")
JOBS = 1000
ASKED = 40
"""Times that each path is asked for."""
MOST_LISTING, MOST_ANSWER = 0.05, 0.1
"""Seconds for a list of 1,000 jobs at rest (median), and for any answer at the 95th percentile."""
LEAST_SHARE = 0.95
LONGEST = 30.0
"""Seconds between two kills, at most: a job whose worker ends five times before it got further fails, as it should."""
PROGRAM = "from har_ros.commands.main import main; raise SystemExit(main())"


class Server:
    """`actionnet serve` in a folder. Kill it, and start it again."""

    def __init__(self, folder: Path, workers: int, *options: str) -> None:
        self.folder = folder
        self._command = [sys.executable, "-c", PROGRAM, "serve"]
        self._command += ["--port", "0", "--folder", str(folder), "--workers", str(workers), *options]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        found = re.search(r"http://[\d.]+:\d+", self.process.stderr.readline())
        assert found, "the server did not start"
        self.url = found.group()

    @property
    def workers(self) -> list[int]:
        """The workers' process numbers."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(number) for task in tasks for number in task.read_text().split()]

    def kill(self) -> None:
        """Kill it, without its workers."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def serving(workers: int, *options: str, jobs: int = 0) -> Iterator[Server]:
    """Yield a server in a new folder. jobs: so many are in its list, whose videos were never received."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "service"
        folder.mkdir()
        store = JobStore(folder / "jobs.sqlite")
        for number in range(jobs):
            store.add(f"{number}.mp4", {})
        server = Server(folder, workers, *options)
        try:
            yield server
        finally:
            server.process.terminate()
            server.process.wait()


def answers(url: str, path: str) -> list[float]:
    """Return the seconds that a path took, each time on the same connection, sorted."""
    taken = []
    with httpx.Client(base_url=url, timeout=60) as client:
        for _ in range(ASKED):
            begun = time.perf_counter()
            client.get(path).raise_for_status()
            taken.append(time.perf_counter() - begun)
    return sorted(taken)


def measure_answers(video: Path, options: dict[str, object], more: list[str], console: Console) -> bool:
    """Print how long answers take. Returns whether they are as quick as they should be."""
    table = Table("path", "workers", "median, ms", "95th percentile, ms")
    good = True
    with serving(2, *more, jobs=JOBS) as server, Client(server.url) as client:
        for busy in (False, True):
            jobs = [client.submit(video, **options) for _ in range(4)] if busy else []
            while busy and sum(job.state()["frames_done"] > 0 for job in jobs) < 2:
                time.sleep(0.1)
            for path in PATHS:
                taken = answers(server.url, path)
                median, late = statistics.median(taken), taken[int(0.95 * len(taken))]
                table.add_row(path, "busy" if busy else "idle", f"{1e3 * median:.1f}", f"{1e3 * late:.1f}")
                good &= late <= MOST_ANSWER and (busy or "1000" not in path or median <= MOST_LISTING)
            for job in jobs:
                job.erase()
    console.print(table)
    return good


def measure_throughput(
    video: Path, options: dict[str, object], more: list[str], model: str, repeats: int, console: Console
) -> bool:
    """Print a job's windows per second as a share of the command's. Returns whether it is as great as it should be.

    model: of the command.
    """
    jobs, commands = [], []
    with serving(1, *more) as server, Client(server.url) as client:
        client.submit(video, **options).wait()  # loads the network
        for _ in range(repeats):
            commands.append(_command_rate(video, model, server.folder.parent / "out.mp4"))
            jobs.append(_job_rate(client.submit(video, **options)))
    share = statistics.median(job / command for job, command in zip(jobs, commands, strict=True))
    rates = [" ".join(f"{rate:.2f}" for rate in rates) for rates in (jobs, commands)]
    console.print(f"windows per second: jobs {rates[0]}, command {rates[1]}; share {share:.2f}")
    return share >= LEAST_SHARE


def _job_rate(job: RemoteJob) -> float:
    """Return a job's windows per second after the first that is seen, to its end."""
    while not (state := job.state())["windows"]:
        time.sleep(0.02)
    begun, first = time.time(), state["windows"]
    end = job.wait().state()
    return float((end["windows"] - first) / (end["ended"] - begun))


def _command_rate(video: Path, model: str, output: Path) -> float:
    """Return the command's windows per second after the first one."""
    command = [sys.executable, "-u", "-c", PROGRAM, str(video), str(output), "--model", model, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.time()
        count = sum(1 for _ in process.stdout)
        process.wait()
        return count / (time.time() - begun)


def kill(video: Path, options: dict[str, object], more: list[str], kills: int, console: Console) -> bool:
    """Kill workers and servers while jobs run. Returns whether each job was done, once, and found what others find."""
    chance = random.Random(0)
    killed = {"worker": 0, "server": 0}
    with serving(2, *more) as server:
        with Client(server.url) as client:
            ids = [client.submit(video, **options).id for _ in range(4)]
        while sum(killed.values()) < kills:
            time.sleep(chance.uniform(0.5, LONGEST))
            if chance.random() < 0.5 and server.workers:
                os.kill(chance.choice(server.workers), signal.SIGKILL)
                killed["worker"] += 1
            else:
                server.kill()
                killed["server"] += 1
                server.start()
            with Client(server.url) as client:
                if all(client.job(number).state()["ended"] for number in ids):
                    ids += [client.submit(video, **options).id for _ in range(4)]
            console.print(f"killed {killed}, {len(ids)} jobs")
        with Client(server.url) as client:
            found = [_found(client.job(number).wait()) for number in ids]
            listed = sorted(job["id"] for job in client.jobs(JOBS))
    with serving(1, *more) as server, Client(server.url) as client:
        wanted = _found(client.submit(video, **options).wait())
    same = sum(one == wanted for one in found)
    console.print(
        f"killed {killed}; {len(ids)} jobs, {len(listed)} in the list, {same} with the {len(wanted[0])} windows and "
        f"{len(wanted[1])} events of a job that nobody interrupted"
    )
    return listed == sorted(ids) and same == len(ids)


def _found(job: RemoteJob) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the windows and the events of a job that is done, without how long the network took."""
    result = job.result()
    return [{**row, "inference_time": 0.0} for row in result["windows"]], result["spans"]


def main() -> int:
    """Measure. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", default="i3d-kinetics-400")
    parser.add_argument("--repeats", type=int, default=3, help="of jobs and commands, alternating")
    parser.add_argument("--models", type=Path, help="a folder of networks, of which MODEL may be one")
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    console, given = Console(width=100), {"model": options.model}
    more = ["--no-preload", *(["--models", str(options.models)] if options.models else [])]
    if options.kills:
        return 0 if kill(options.video, given, more, options.kills, console) else 1
    own = options.models / options.model if options.models else None
    model = str(own) if own and own.is_dir() else options.model
    good = measure_answers(options.video, given, more, console)
    return 0 if measure_throughput(options.video, given, more, model, options.repeats, console) and good else 1


if __name__ == "__main__":
    raise SystemExit(main())

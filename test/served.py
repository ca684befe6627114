"""A server with its workers, as a client meets it: jobs are sent, and waited for."""

import asyncio
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from fastapi.testclient import TestClient
from waiting import WAIT

from har_ros.commands.serve import parser, prepared
from har_ros.service.application import application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings


@contextmanager
def running(folder, models, token="", **settings):
    app = application(folder, ServiceSettings(models, **settings, most_bytes=50_000_000), Guard("127.0.0.1", token))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


def options(folder, *more):
    """Return what the command that serves is given."""
    return parser("serve").parse_args(["--port", "0", "--folder", str(folder), "--no-preload", *more])


@contextmanager
def serving(folder, *more):
    """Serve a folder as the command does. Yields the server, and its port."""
    with prepared(options(folder, *more)) as (server, place), ThreadPoolExecutor() as pool:
        serves = pool.submit(server.run, [place])
        try:
            yield server, place.getsockname()[1]
        finally:
            server.should_exit = True
            serves.result(WAIT)


def send(client, path, address="/v1/jobs", status=202, headers=None, **options):
    with path.open("rb") as file:
        data = {"options": json.dumps({"model": "tiny", **options})}
        answer = client.post(address, files={"video": (path.name, file)}, data=data, headers=headers)
    assert answer.status_code == status, answer.text
    return answer


def until(client, number, *states, windows=0):
    """Wait until a job is in one of the states, and there are so many windows at least. Returns it."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        job = client.get(f"/v1/jobs/{number}").json()
        if job["state"] in states and job["windows"] >= windows:
            return job
        assert job["state"] in ("queued", "running"), job
        time.sleep(0.05)
    raise AssertionError(f"the job is not {states}: {job}")


@contextmanager
def held(app):
    """Let no worker go on during the block. None is stopped while it locks the database."""
    processes = app.state.service.workers.processes
    with app.state.service.store._transaction() as database:
        database.execute("begin immediate")
        for process in processes:
            os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):  # it was killed, because its job was erased
                os.kill(process, signal.SIGCONT)


def five_threads_for_asyncio(monkeypatch):
    """As on a machine with one processor, however Python counts them."""
    for name in ("cpu_count", "process_cpu_count"):  # the second since Python 3.13
        monkeypatch.setattr(os, name, lambda: 1, raising=False)


def run(coroutine):
    """Run it on a thread of its own; Playwright's loop may run on this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result(WAIT)

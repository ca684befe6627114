"""Workers are watched: those that end or hang lose their job, and nobody else is killed for it."""

import os
import signal
import sqlite3
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from programs import running
from waiting import wait_until

from har_ros.service.folder import ServiceFolder
from har_ros.service.jobs import workers
from har_ros.service.jobs.store import JobStore
from har_ros.service.jobs.workers import WorkerProcesses
from har_ros.service.settings import ServiceSettings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "PERIOD", 0.01)
    monkeypatch.setattr(workers, "PAUSE", 0.0)
    return ServiceFolder(tmp_path)


@pytest.fixture
def store(folder):
    with closing(JobStore(folder.jobs)) as store:
        yield store


def queued(store):
    job, _ = store.add("a.mp4", {})
    store.enqueue(job.id)
    return job.id


def test_a_process_that_has_the_number_of_a_dead_servers_worker_is_left_alone(folder, store, monkeypatch):
    monkeypatch.setattr(workers, "HANGS", -1.0)
    with (
        running(["sleep", "600"], folder.path) as other,
        closing(WorkerProcesses(folder, ServiceSettings(workers=0), store, lambda: None)),
    ):
        number = queued(store)
        store.claim(other.pid)
        wait_until(lambda: store.get(number).state == "queued")
        assert other.poll() is None


@pytest.fixture
def sleeper(tmp_path, monkeypatch):
    """Workers that do nothing."""
    program = tmp_path / "sleeper"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    monkeypatch.setattr(workers, "sys", SimpleNamespace(executable=str(program)))
    monkeypatch.setattr(workers, "END", 0.0)


@contextmanager
def at_work(folder, store, **settings):
    """Lend workers, the one that they have, and the job that it has."""
    with closing(WorkerProcesses(folder, ServiceSettings(workers=1, **settings), store, lambda: None)) as running:
        wait_until(lambda: running.processes)
        [process] = running.processes
        number = queued(store)
        store.claim(process)
        yield running, process, number


def test_a_worker_that_hangs_is_replaced_and_its_job_waits_again(folder, store, sleeper, monkeypatch):
    with at_work(folder, store) as (running, process, number):
        monkeypatch.setattr(workers, "HANGS", -1.0)
        wait_until(lambda: store.get(number).state == "queued")
        wait_until(lambda: running.processes not in ([], [process]))


def test_the_job_of_a_worker_that_ended_waits_again_though_the_disk_was_full(folder, store, sleeper, monkeypatch):
    lost, refused = JobStore.lost, []

    def lost_later(self, worker):
        if len(refused) < 2:
            refused.append(worker)
            raise sqlite3.OperationalError("database or disk is full")
        lost(self, worker)

    monkeypatch.setattr(JobStore, "lost", lost_later)
    with at_work(folder, store) as (_, process, number):
        os.kill(process, signal.SIGKILL)
        wait_until(lambda: store.get(number).state == "queued")
        assert refused == [process, process]


@pytest.mark.parametrize(("ray", "attempts"), [("", 1), ("auto", 0)])
def test_a_worker_that_ends_with_its_cluster_costs_its_job_no_attempt(
    folder, store, sleeper, tmp_path, monkeypatch, ray, attempts
):
    monkeypatch.chdir(tmp_path)
    ending = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
    (tmp_path / "sleeper").write_text(f"#!{sys.executable}\n{ending}open('ready', 'w').close()\nsignal.pause()\n")
    with at_work(folder, store, ray=ray) as (_, process, number):
        wait_until(Path("ready").exists)
        os.kill(process, signal.SIGTERM)
        wait_until(lambda: store.get(number).state == "queued")
        assert store.get(number).attempts == attempts

"""What a worker keeps between two jobs."""

import fcntl
import json
import os
import queue
import shutil
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from waiting import WAIT

pytest.importorskip("httpcore", reason="httpcore is not installed: pip install -r requirements-serve.txt")
from har_ros.pipeline.recognition import Networks
from har_ros.service.folder import LOCK, ServiceFolder
from har_ros.service.jobs import recognition, worker
from har_ros.service.jobs.store import JobStore
from har_ros.service.options import Models


def test_networks_stay_loaded_for_other_thresholds_but_not_for_other_models(tmp_path, models, video, monkeypatch):
    loaded = []
    monkeypatch.setattr(
        recognition, "Networks", lambda values: loaded.append(Path(values["model"]).name) or Networks(values)
    )
    for name in ("a", "b"):
        shutil.copytree(models / "tiny", tmp_path / "models" / name)
    folder = ServiceFolder(tmp_path / "service")
    folder.path.mkdir()
    store = JobStore(folder.jobs)
    with closing(worker.Worker(folder, Models(tmp_path / "models"), 60)) as one:
        for options in ({"model": "a", "threshold": 0.0}, {"model": "a", "threshold": 1.0}, {"model": "b"}):
            job, _ = store.add("disc.mp4", options)
            folder.of(job.id).mkdir(parents=True)
            shutil.copy(video, folder.of(job.id) / "input.mp4")
            store.enqueue(job.id)
            assert one.run_one()
            windows = json.loads((folder.of(job.id) / "result.json").read_text())["windows"]
            assert {bool(window["actions"]) for window in windows} == {options.get("threshold") != 1.0}
    assert loaded == ["a", "b"]


def test_what_was_written_of_a_job_while_it_was_erased_is_erased_too(tmp_path, models, video, monkeypatch):
    folder = ServiceFolder(tmp_path / "service")
    folder.path.mkdir()
    store = JobStore(folder.jobs)
    job, _ = store.add("disc.mp4", {"model": "tiny"})
    folder.of(job.id).mkdir(parents=True)
    shutil.copy(video, folder.of(job.id) / "input.mp4")
    store.enqueue(job.id)
    progress = JobStore.progress

    def erased(self, number, *how):
        self.remove(number)  # by the server, whose removal of the folder missed the files that came meanwhile
        return progress(self, number, *how)

    monkeypatch.setattr(JobStore, "progress", erased)
    with closing(worker.Worker(folder, Models(models), 60)) as one:
        assert one.run_one()
    assert not folder.of(job.id).exists()


def test_a_worker_waits_for_one_that_still_writes_into_the_jobs_folder(tmp_path, models, video, monkeypatch):
    """One whose server was killed goes on for a moment, while the next server's workers have its job."""
    folder = ServiceFolder(tmp_path / "service")
    folder.path.mkdir()
    store = JobStore(folder.jobs)
    job, _ = store.add("disc.mp4", {"model": "tiny"})
    place = folder.of(job.id)
    place.mkdir(parents=True)
    shutil.copy(video, place / "input.mp4")
    store.enqueue(job.id)
    other = (place / LOCK).open("w")
    flock, asked = fcntl.flock, queue.SimpleQueue()
    flock(other, fcntl.LOCK_EX)
    monkeypatch.setattr(
        fcntl, "flock", lambda file, how: asked.put((os.fstat(file.fileno()).st_ino, how)) or flock(file, how)
    )
    with closing(worker.Worker(folder, Models(models), 60)) as one:
        waiting = Thread(target=one.run_one)
        waiting.start()
        try:
            assert asked.get(timeout=WAIT) == ((place / LOCK).stat().st_ino, fcntl.LOCK_EX)
            assert {path.name for path in place.iterdir()} == {"input.mp4", LOCK}
        finally:
            other.close()
            waiting.join(WAIT)
    assert store.get(job.id).state == "done"

"""A worker process of the service: takes jobs, one after the other. What crashes or hangs it costs a job, at most."""

from __future__ import annotations

import argparse
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from har_ros.errors import HarError
from har_ros.service.folder import ServiceFolder, alone
from har_ros.service.incoming.links import Links, suffix_of
from har_ros.service.incoming.upload import promised
from har_ros.service.jobs.job import Job
from har_ros.service.jobs.recognition import Loaded, News, Video, VideoRecognition
from har_ros.service.jobs.run import tidy
from har_ros.service.jobs.store import JobStore
from har_ros.service.limits import limit_formats
from har_ros.service.options import Models
from har_ros.service.process import end_with_the_server, prepare, unexpected
from har_ros.service.room import Room
from har_ros.service.settings import ServiceSettings
from har_ros.workers.joining import ray_workers
from har_ros.workers.there import MachineError
from har_ros.workers.workers import HERE, PieceDiedError, Workers, WorkersLostError

logger = logging.getLogger(__name__)

LOOK = 0.2
"""Seconds between two looks for a job."""
TURN = 300.0
"""Seconds after which a job lets those of others go first, which wait."""
NOTE = 2.0
"""Seconds between two notes that a job waits for a machine."""
JOIN = 5.0
"""Seconds between two attempts to reach the cluster."""
RAY = 8 << 30
"""Bytes that a worker may have whose jobs are done by a cluster: Ray's threads take more than they use."""


class UnwantedError(Exception):
    """The job was erased meanwhile, or given to another worker, or waits again."""


class Worker:
    """Runs jobs, here or on a cluster. Close it."""

    def __init__(
        self,
        folder: ServiceFolder,
        models: Models,
        longest: float,
        links: Links | None = None,
        workers: Workers = HERE,
        memory: int = ServiceSettings.memory,
    ) -> None:
        """longest: seconds of a video, at most. links: fetches videos, None to fetch none.

        workers: do the jobs. memory: bytes that each of them may have on another machine.
        """
        self._folder = folder
        self._models = models
        self._store = JobStore(folder.jobs)
        self._longest = longest
        self._links = links
        self._workers = workers
        self._memory = memory
        self._loaded = Loaded()
        self._number = os.getpid()

    def close(self) -> None:
        """Free the networks, and close the file of jobs."""
        self._store.close()
        self._loaded.close()

    def preload(self) -> None:
        """Load the networks of a job without options, so that the first such job need not wait for them."""
        try:
            self._loaded.networks(*self._named({}))
        except HarError as error:  # which jobs may not need
            logger.warning("cannot load the default network: %s", error)

    def run_one(self) -> bool:
        """Run the job that has waited longest. Returns whether there was one. Raises WorkersLostError."""
        job = self._store.claim(self._number)
        if job is None:
            return False
        try:
            self._look(job)
        except UnwantedError:
            pass
        except WorkersLostError:
            self._store.give_back(self._number)
            raise
        except PieceDiedError as error:
            logger.warning("%s", error)
            self._store.lost(self._number)
        except MachineError as error:
            logger.error("job %s: %s", job.id, error)
            said = "a machine of the cluster cannot do this job; the server's log has more"
            self._store.fail(job.id, self._number, said)
        except HarError as error:
            self._store.fail(job.id, self._number, self._folder.said_to_clients(job.id, job.name, str(error)))
        except Exception as error:  # the next job may be fine
            logger.exception("job %s", job.id)
            self._store.fail(job.id, self._number, unexpected(error))
        finally:
            if self._store.get(job.id) is None:  # erased while files were written, which then were overlooked
                self._folder.erase(job.id)
            self._store.free(self._number)
        return True

    def _look(self, job: Job) -> None:
        """Raises UnwantedError, HarError."""
        video = Video(self._folder, job.id, job.name, self._folder.input(job.id) or self._fetched(job))
        values, written = self._named(job.options)
        loaded = self._loaded if self._workers.in_this_process else None
        work = VideoRecognition(values, written, self._longest, self._memory, loaded)
        follower = _Follower(self._store, job, self._number)
        try:
            done: list[News] = []
            self._workers.run(work, [video], lambda _, last: done.append(last), follower.note, follower.wait)
            follower.end(*done)
        except OSError as error:
            if self._store.progress(job.id, self._number, 0, 0, 0):
                raise HarError(f"cannot write the results ({error.strerror}); make room on the server's disk") from None
            raise UnwantedError from None  # with its folder
        self._store.finish(job.id, self._number)
        with suppress(OSError):
            tidy(self._folder.of(job.id))

    def _fetched(self, job: Job) -> Path:
        """Return the video that a job has only a link to. Raises UnwantedError, HarError."""
        if not (job.link and self._links):
            raise HarError("the video is gone; send it again")
        path = self._folder.of(job.id) / f"input{suffix_of(job.link)}"

        def note() -> None:
            if not self._store.progress(job.id, self._number, 0, 0):
                raise UnwantedError

        try:
            with alone(self._folder.of(job.id)):
                self._links.fetch(job.link, path, note)
        except OSError as error:
            raise HarError(f"cannot write the video ({error.strerror}); make room on the server's disk") from None
        return path

    def _named(self, options: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[int, ...]]:
        """Return the parameters that options stand for, and when their networks were written. Raises HarError."""
        values = self._models.values(options)
        return values, self._models.written(values)


class _Follower:
    """Notes a job's progress to its end, or until others have their turn."""

    def __init__(self, store: JobStore, job: Job, worker: int) -> None:
        self._store, self._job, self._worker = store, job, worker
        self._begun = False
        self._saved, self._ends = 0, math.inf
        self._next_note = 0.0

    def note(self, news: News) -> None:
        """Note how far the job is. Raises UnwantedError."""
        self._begun = True
        self._note(news.count, news.total, news.windows)
        if news.saved > self._saved:
            self._saved = news.saved
            self._ends = min(self._ends, time.monotonic() + TURN)  # to come back to the last checkpoint does not count
            if time.monotonic() >= self._ends and self._store.give_way(self._job.id, self._worker):
                raise UnwantedError

    def end(self, last: News) -> None:
        """Note where the job has ended: older news may come from another machine after it. Raises UnwantedError."""
        self._note(last.count, last.total, last.windows)

    def wait(self) -> None:
        """Note that the job waits for a machine of the cluster. Raises UnwantedError."""
        if not self._begun and time.monotonic() >= self._next_note:
            self._next_note = time.monotonic() + NOTE
            self._note(0, 0, 0)

    def _note(self, done: int, total: int, windows: int) -> None:
        if not self._store.progress(self._job.id, self._worker, done, total, windows):
            raise UnwantedError


def links_for(folder: ServiceFolder, most_bytes: int, disk: int) -> Links:
    """Return what fetches videos of so many bytes, while there is room for them beside what is kept and promised."""
    return Links(most_bytes, Room(folder, disk, partial(promised, folder.uploads)).check)


def main() -> None:
    """Run jobs until the server closes our standard input, or is gone."""
    parser = argparse.ArgumentParser(prog="python -m har_ros.service.jobs.worker", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=Path, help="folder with networks")
    parser.add_argument("--longest", type=float, required=True, help="seconds of a video, at most")
    parser.add_argument("--memory", type=int, required=True, help="bytes that the worker may have, at most")
    parser.add_argument("--links", type=int, default=0, help="bytes of a video that a link leads to, at most")
    parser.add_argument(
        "--disk", type=int, default=0, help="bytes of all that is kept, at most, where links are fetched"
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="of the cluster that does the jobs")
    parser.add_argument("--preload", action="store_true", help="load the default network before a job needs it")
    options = parser.parse_args()
    prepare("worker", max(options.memory, RAY) if options.ray else options.memory)
    end_with_the_server()
    limit_formats()
    folder = ServiceFolder(options.folder)
    links = links_for(folder, options.links, options.disk) if options.links else None
    models = Models(options.models, folder.models)
    with (
        _joined(options.ray) as workers,
        closing(Worker(folder, models, options.longest, links, workers, options.memory)) as worker,
    ):
        if options.preload and not worker.run_one():
            worker.preload()
        try:
            while True:
                if not worker.run_one():
                    time.sleep(LOOK)
        except WorkersLostError as error:  # Ray may join another one only in another process
            logger.warning("%s", error)


@contextmanager
def _joined(address: str | None) -> Iterator[Workers]:
    """Yield this process, or the cluster at an address as soon as it is there. Raises ConfigurationError."""
    if not address:
        yield HERE
        return
    said = False
    cluster = ray_workers(address)
    with cluster:
        while True:
            try:
                cluster.connect()
                break
            except WorkersLostError as error:
                if not said:
                    logger.warning("%s", error)
                said = True
                time.sleep(JOIN)
        yield cluster


if __name__ == "__main__":
    main()

"""A worker process of the service: takes jobs, one after the other. What crashes or hangs it costs a job, at most."""

from __future__ import annotations

import argparse
import fcntl
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
from har_ros.pipeline.recognition import Networks
from har_ros.recordings.source import open_source
from har_ros.service.folder import ServiceFolder
from har_ros.service.incoming.links import Links, suffix_of
from har_ros.service.incoming.upload import promised
from har_ros.service.jobs.job import Job
from har_ros.service.jobs.run import VideoRun
from har_ros.service.jobs.store import JobStore
from har_ros.service.limits import check_video, limit_formats
from har_ros.service.options import Models
from har_ros.service.process import end_with_the_server, prepare, unexpected
from har_ros.service.room import Room
from har_ros.settings import ACTIONNET

logger = logging.getLogger(__name__)

LOOK = 0.2
"""Seconds between two looks for a job."""
TURN = 300.0
"""Seconds after which a job lets those of others go first, which wait."""
LOADED = tuple(row.name for row in ACTIONNET if not row.at_run_time)
"""Parameters for which networks are loaded again; the others are read by each source of images."""


class UnwantedError(Exception):
    """The job was erased meanwhile, or given to another worker, or waits again."""


class Worker:
    """Runs jobs. The networks of the last one stay loaded, for the next one that names the same."""

    def __init__(self, folder: ServiceFolder, models: Models, longest: float, links: Links | None = None) -> None:
        """longest: seconds of a video, at most. links: fetches videos, None to fetch none."""
        self._folder = folder
        self._models = models
        self._store = JobStore(folder.jobs)
        self._longest = longest
        self._links = links
        self._networks: Networks | None = None
        self._written: tuple[int, ...] = ()
        self._number = os.getpid()

    def close(self) -> None:
        """Free the networks, and close the file of jobs."""
        self._store.close()
        if self._networks is not None:
            self._networks.close()
            self._networks = None

    def preload(self) -> None:
        """Load the networks of a job without options, so that the first such job need not wait for them."""
        try:
            self._networks_for({})
        except HarError as error:  # which jobs may not need
            logger.warning("cannot load the default network: %s", error)

    def run_one(self) -> bool:
        """Run the job that has waited longest. Returns whether there was one."""
        job = self._store.claim(self._number)
        if job is None:
            return False
        try:
            self._run(job)
        except UnwantedError:
            pass
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

    def _run(self, job: Job) -> None:
        """Raises UnwantedError, HarError."""
        with _alone(self._folder.of(job.id)):
            self._look(job)

    def _look(self, job: Job) -> None:
        """Raises UnwantedError, HarError."""
        video = self._folder.input(job.id) or self._fetched(job)
        check_video(video, self._longest)
        source = open_source(str(video))
        networks = self._networks_for(job.options)
        run = VideoRun(networks, source, str(video), self._folder.of(job.id), job.name)
        try:
            self._follow(job, run, source.count)
            run.note = self._folder.said_to_clients(job.id, job.name, run.note)
            run.write()
        except OSError as error:
            if self._store.progress(job.id, self._number, 0, 0, 0):
                raise HarError(f"cannot write the results ({error.strerror}); make room on the server's disk") from None
            raise UnwantedError from None  # with its folder
        finally:
            run.discard()
        self._store.progress(job.id, self._number, run.count, run.count, run.windows)
        self._store.finish(job.id, self._number)
        with suppress(OSError):
            run.tidy()

    def _follow(self, job: Job, run: VideoRun, total: int) -> None:
        """Note a job's progress to its end, or until others have their turn. Raises UnwantedError, HarError.

        total: frames of the video, 0 where that is not known.
        """
        ends = math.inf
        for saved in run.frames(self._longest):
            if not self._store.progress(job.id, self._number, run.count, total, run.windows):
                raise UnwantedError
            if saved:
                ends = min(ends, time.monotonic() + TURN)  # to come back to the last checkpoint does not count
                if time.monotonic() >= ends and self._store.give_way(job.id, self._number):
                    raise UnwantedError

    def _fetched(self, job: Job) -> Path:
        """Return the video that a job has only a link to. Raises UnwantedError, HarError."""
        if not (job.link and self._links):
            raise HarError("the video is gone; send it again")
        path = self._folder.of(job.id) / f"input{suffix_of(job.link)}"

        def note() -> None:
            if not self._store.progress(job.id, self._number, 0, 0):
                raise UnwantedError

        try:
            self._links.fetch(job.link, path, note)
        except OSError as error:
            raise HarError(f"cannot write the video ({error.strerror}); make room on the server's disk") from None
        return path

    def _networks_for(self, options: Mapping[str, Any]) -> Networks:
        """Return networks with these options: the loaded ones where they serve."""
        values = self._models.values(options)
        loaded, written = self._networks, self._models.written(values)
        if loaded is None or written != self._written or any(values[n] != loaded.values[n] for n in LOADED):
            self.close()
            loaded = self._networks = Networks(values)
            self._written = written
        loaded.values = values
        return loaded


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Wait until nobody else writes into a job's folder: a worker whose server was killed takes a moment to end.

    Raises HarError when the folder is gone.
    """
    try:
        folder = os.open(place, os.O_RDONLY)
    except OSError:
        raise HarError("the video is gone; send it again") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


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
    parser.add_argument("--preload", action="store_true", help="load the default network before a job needs it")
    options = parser.parse_args()
    prepare("worker", options.memory)
    end_with_the_server()
    limit_formats()
    folder = ServiceFolder(options.folder)
    links = links_for(folder, options.links, options.disk) if options.links else None
    models = Models(options.models, folder.models)
    with closing(Worker(folder, models, options.longest, links)) as worker:
        if options.preload and not worker.run_one():
            worker.preload()
        while True:
            if not worker.run_one():
                time.sleep(LOOK)


if __name__ == "__main__":
    main()

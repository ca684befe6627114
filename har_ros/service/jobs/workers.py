"""The worker processes: started, watched, and replaced when they end or hang."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Event, Thread

from har_ros.errors import one_line
from har_ros.service.folder import ServiceFolder
from har_ros.service.jobs.store import JobStore
from har_ros.service.settings import ServiceSettings

logger = logging.getLogger(__name__)

PERIOD = 0.5
"""Seconds between two looks at the workers."""
HANGS = 120.0
"""Seconds without any progress after which a worker is ended; networks are loaded, and fetched, in less."""
PAUSE = 2.0
"""Seconds from the end of a worker to the start of the next one, which may end at once, too."""
END = 5.0
"""Seconds that a worker has to end by itself."""
TIDY = 600.0
"""Seconds between two calls of `tidy`."""


class WorkerProcesses:
    """Close it: the workers end, and their jobs wait for the next start."""

    def __init__(
        self, folder: ServiceFolder, settings: ServiceSettings, store: JobStore, tidy: Callable[[], None]
    ) -> None:
        """store: of the jobs, which stays open. tidy: what to do now and then."""
        self._folder, self._settings, self._store, self._tidy = folder, settings, store, tidy
        store.recover()
        self._running: list[subprocess.Popen[bytes]] = []
        self._closing = Event()
        self._tidied = 0.0
        self._watcher = Thread(target=self._watch, name="workers", daemon=True)
        self._watcher.start()

    @property
    def processes(self) -> list[int]:
        """The workers' process numbers."""
        return [process.pid for process in self._running]

    def close(self) -> None:
        """End the workers."""
        self._closing.set()
        self._watcher.join()
        for process in self._running:
            _end(process)
            self._store.give_back(process.pid)

    def _watch(self) -> None:
        while True:
            try:
                self._look()
            except Exception as error:  # such as a full disk; the next look may do better
                logger.error("watching the workers: %s (%s)", type(error).__name__, one_line(error))
            if self._closing.wait(PERIOD):
                return

    def _look(self) -> None:
        for process in list(self._running):
            if (status := process.poll()) is None:
                continue
            left = self._settings.ray and status >= 0  # Ray ends it when the cluster is gone
            lost = self._store.give_back if left else self._store.lost
            lost(process.pid)  # first: where that fails, the next look finds it again
            self._running.remove(process)
            logger.warning("worker %d ended with status %s; another one takes its place", process.pid, status)
            self._closing.wait(PAUSE)
        for number in self._store.silent(HANGS):
            own = next((process for process in self._running if process.pid == number), None)
            if own is not None:
                own.kill()
            else:  # of a server that was killed: its workers end by themselves, and others may have their numbers
                self._store.lost(number)
        while len(self._running) < self._settings.workers:
            self._running.append(self._start())
        if time.monotonic() - self._tidied > TIDY:
            self._tidied = time.monotonic()
            self._tidy()

    def _start(self) -> subprocess.Popen[bytes]:
        options = ["--longest", str(self._settings.seconds), "--memory", str(self._settings.memory)]
        if self._settings.models:
            options += ["--models", str(self._settings.models)]
        if self._settings.links:
            options += ["--links", str(self._settings.most_bytes), "--disk", str(self._settings.disk)]
        if self._settings.ray:
            options += ["--ray", self._settings.ray]
        elif self._settings.preload:
            options.append("--preload")
        command = [sys.executable, "-m", "har_ros.service.jobs.worker", str(self._folder.path), *options]
        # its own session: Ctrl-C in a terminal reaches the server, which ends the workers
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()  # which ends it
    try:
        process.wait(END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

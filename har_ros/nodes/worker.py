"""The thread that runs the network and publishes its results."""

from __future__ import annotations

import time
from collections.abc import Hashable
from threading import Lock, Thread
from typing import Protocol

from har_ros.errors import ModelError, error_text
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.scheduler import Scheduler
from har_ros.pipeline.scores import ScoreSettings
from har_ros.pipeline.stream import Stream


class Subject(Hashable, Protocol):
    """Whose windows the network gets: a camera, or a person whom it sees."""

    @property
    def stream(self) -> Stream:
        """Where the windows come from."""

    def succeed(self, result: Result) -> None:
        """Publish what was seen in a window."""

    def fail(self, text: str) -> None:
        """Take note that a window had no answer."""


class Worker:
    """Runs the network on the windows whose turn it is, and lets their subjects publish the results.

    `score_settings` may change while it runs. A network that raises or returns nonsense is reported to the subjects
    concerned, and still gets their next windows.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        network_lock: Lock,
        score_settings: ScoreSettings,
        scheduler: Scheduler[Subject],
    ) -> None:
        """network_lock: held while the network runs."""
        self.score_settings = score_settings
        self.windows = 0
        self.inference_time = 0.0  # of the last windows, seconds
        self.busy_since: float | None = None  # monotonic seconds
        self.last_error = ""  # empty as soon as the network works again
        self._recognizer = recognizer
        self._network_lock = network_lock
        self._scheduler = scheduler
        self._stopped = False
        self._thread = Thread(target=self._work, name="network", daemon=True)

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End the work; nothing is published afterwards. Returns False when the network still runs after `timeout`."""
        self._stopped = True
        self._scheduler.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while subjects := self._scheduler.next(self._recognizer.network.backend.max_batch):
            try:
                for subject, result in zip(subjects, self._recognize(subjects), strict=True):
                    if isinstance(result, ModelError):
                        self._fail(subject, result)
                    elif result is not None and not self._stopped:
                        self.publish(subject, result)
            except Exception as error:  # no backend's error may end the thread
                for subject in subjects:
                    self._fail(subject, error)

    def _recognize(self, subjects: list[Subject]) -> list[Result | ModelError | None]:
        self.busy_since = time.monotonic()
        try:
            with self._network_lock:
                return self._recognizer.recognize([subject.stream for subject in subjects], self.score_settings)
        finally:
            self.busy_since = None

    def publish(self, subject: Subject, result: Result) -> None:
        """Let what was seen in a window be published."""
        self.last_error = ""
        self.windows += 1
        self.inference_time = result.inference_time
        subject.succeed(result)

    def _fail(self, subject: Subject, error: Exception) -> None:
        if not self._stopped:
            self.last_error = error_text(error)
            subject.fail(self.last_error)

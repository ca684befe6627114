"""The thread that runs the network and publishes its results."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from typing import Protocol

from har_ros.errors import ModelError, error_text
from har_ros.nodes.network_thread import NetworkThread
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


class Worker(NetworkThread[Subject]):
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
        super().__init__("network", scheduler, recognizer.network.backend, network_lock)
        self.score_settings = score_settings
        self.windows = 0
        self.inference_time = 0.0  # of the last windows, seconds
        self.last_error = ""  # empty as soon as the network works again
        self._recognizer = recognizer

    def _serve(self, turn: list[Subject]) -> None:
        try:
            with self._running():
                results = self._recognizer.recognize([subject.stream for subject in turn], self.score_settings)
            for subject, result in zip(turn, results, strict=True):
                if isinstance(result, ModelError):
                    self._fail(subject, result)
                elif result is not None and not self._stopped:
                    self.publish(subject, result)
        except Exception as error:  # no backend's error may end the thread
            for subject in turn:
                self._fail(subject, error)

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

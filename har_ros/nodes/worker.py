"""The thread in which the network runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, Thread

from har_ros.errors import ModelError, told
from har_ros.nodes.camera import Camera
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.scheduler import Scheduler
from har_ros.pipeline.scores import ScoreSettings
from har_ros.pipeline.stream import Stream


class Worker:
    """Gives the network the windows whose turn it is, and each result to `publish`.

    `score_settings` may change while it runs. A network that raises or gives nonsense is reported to the cameras
    concerned, and gets their next windows.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        network_lock: Lock,
        score_settings: ScoreSettings,
        publish: Callable[[Camera, Result], None],
    ) -> None:
        """network_lock: held while the network runs."""
        self.score_settings = score_settings
        self.scheduler: Scheduler[Camera] = Scheduler()
        self.windows = 0
        self.inference_time = 0.0  # of the last windows, seconds
        self.busy_since: float | None = None  # monotonic seconds
        self.last_error = ""  # empty as soon as the network works again
        self._recognizer = recognizer
        self._network_lock = network_lock
        self._publish = publish
        self._stopped = False
        self._thread = Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End the work; nothing is published afterwards. Returns False when the network still runs after `timeout`."""
        self._stopped = True
        self.scheduler.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while cameras := self.scheduler.next(self._recognizer.network.backend.max_batch):
            failed: dict[Stream, ModelError] = {}
            try:
                self.busy_since = time.monotonic()
                with self._network_lock:
                    streams = [camera.stream for camera in cameras]
                    results = self._recognizer.recognize(streams, self.score_settings, failed)
                self.busy_since = None
                self._hand_over(cameras, results, failed)
            except Exception as error:  # the thread outlives whatever a backend raises
                self.busy_since = None
                self._report(cameras, error)

    def _hand_over(self, cameras: list[Camera], results: list[Result | None], failed: dict[Stream, ModelError]) -> None:
        for camera, result in zip(cameras, results, strict=True):
            if self._stopped:
                return
            if result is not None:
                self.last_error = ""
                self.windows += 1
                self.inference_time = result.inference_time
                self._publish(camera, result)
            elif camera.stream in failed:
                self._report([camera], failed[camera.stream])

    def _report(self, cameras: list[Camera], error: Exception) -> None:
        if self._stopped:
            return
        self.last_error = told(error)
        for camera in cameras:
            camera.fail(self.last_error)

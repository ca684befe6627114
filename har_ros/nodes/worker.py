"""The thread in which the network runs, and from which its results are published."""

from __future__ import annotations

import time
from threading import Lock, Thread

from rclpy.clock import Clock

from har_ros.errors import ModelError, error_text
from har_ros.msg import ActionWindow
from har_ros.nodes import conversions
from har_ros.nodes.camera import Camera
from har_ros.nodes.output import Output
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.scheduler import Scheduler
from har_ros.pipeline.scores import ScoreSettings


class Worker:
    """Gives the network the windows whose turn it is, and publishes what it says of them.

    `score_settings` may change while it runs. A network that raises or gives nonsense is reported to the cameras
    concerned, and gets their next windows.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        network_lock: Lock,
        score_settings: ScoreSettings,
        scheduler: Scheduler[Camera],
        output: Output,
        clock: Clock,
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
        self._output = output
        self._clock = clock
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
        while cameras := self._scheduler.next(self._recognizer.network.backend.max_batch):
            try:
                for camera, result in zip(cameras, self._recognize(cameras), strict=True):
                    if isinstance(result, ModelError):
                        self._fail(camera, result)
                    elif result is not None and not self._stopped:
                        self.publish(camera, result)
            except Exception as error:  # the thread outlives whatever a backend raises
                for camera in cameras:
                    self._fail(camera, error)

    def _recognize(self, cameras: list[Camera]) -> list[Result | ModelError | None]:
        self.busy_since = time.monotonic()
        try:
            with self._network_lock:
                return self._recognizer.recognize([camera.stream for camera in cameras], self.score_settings)
        finally:
            self.busy_since = None

    def publish(self, camera: Camera, result: Result) -> None:
        """Publish what was seen in a window, and its evidence."""
        self.last_error = ""
        self.windows += 1
        self.inference_time = result.inference_time
        header = conversions.header(result.end, result.frame_id)
        prediction = result.prediction
        self._output.actions.publish(conversions.classification(header, prediction.accepted))
        age = self._clock.now().nanoseconds - result.end
        self._output.windows.publish(
            ActionWindow(
                header=header,
                image_topic=camera.topic,
                window_start=conversions.time_message(result.start),
                window_end=header.stamp,
                frames=result.frames,
                hypotheses=conversions.object_hypotheses(prediction.hypotheses),
                threshold=prediction.threshold,
                inference_time=conversions.duration_message(round(result.inference_time * conversions.SECOND)),
                age=conversions.duration_message(age),
                windows_dropped=camera.stream.windows_dropped,
                frames_dropped=camera.frames_dropped,
            )
        )
        camera.succeed(prediction, age / conversions.SECOND)

    def _fail(self, camera: Camera, error: Exception) -> None:
        if not self._stopped:
            self.last_error = error_text(error)
            camera.fail(self.last_error)

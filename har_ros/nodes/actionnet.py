"""The node: camera topics in, actions out."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from threading import Thread
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.publisher import Publisher

from har_ros.backends import BackendSettings
from har_ros.errors import HarError
from har_ros.msg import ActionWindow
from har_ros.nodes import conversions, diagnostics, parameters
from har_ros.nodes.camera import Camera
from har_ros.nodes.run import Program, run
from har_ros.recognizer import Recognizer, Result, StreamSettings
from har_ros.scheduler import Scheduler


class ActionNet(Program):
    """Images arrive on the executor's thread, the network runs on its own; the scheduler stands between them."""

    def __init__(self, **options: Any) -> None:
        """Options go to rclpy's Node."""
        super().__init__("actionnet", **options)
        self._scheduler: Scheduler[Camera] = Scheduler()
        self._cameras: list[Camera] = []
        self._worker: Thread | None = None

    def start(self) -> None:
        """See Program."""
        values = parameters.declare(self, parameters.ACTIONNET)
        topics = parameters.resolved_topics(self, values["image_topics"])
        settings = StreamSettings(values["skip_frames"], values["max_gap"])
        self._top_k, self._threshold = values["top_k"], values["threshold"]
        self.get_logger().info(f"loading {values['model']}")
        self._recognizer = open_recognizer(values)
        self._actions: Publisher = self.create_publisher(conversions.ActionMessage, "actions", 10)
        self._windows: Publisher = self.create_publisher(ActionWindow, "actions/windows", 10)
        self._health: Publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        for topic, overlay_topic in zip(topics, overlay_topics(topics), strict=True):
            stream = self._recognizer.stream(settings)
            self._cameras.append(Camera(self, topic, overlay_topic, stream, self._scheduler.offer))
        network = self._recognizer.network
        self._diagnostics = diagnostics.Diagnostics(values["model"], network, self._cameras)
        self.create_timer(diagnostics.PERIOD, self._publish_diagnostics)
        self._worker = Thread(target=self._work, name="network", daemon=True)
        self._worker.start()
        self.get_logger().info(
            f"{network.backend.name}; windows have {network.length} frames; waiting for images on {', '.join(topics)}"
        )

    def stop(self) -> None:
        """See Program."""
        self._scheduler.close()
        if self._worker is not None:
            self._worker.join(timeout=5.0)
            if not self._worker.is_alive():
                self._recognizer.close()

    def _work(self) -> None:
        while cameras := self._scheduler.next(self._recognizer.network.backend.max_batch):
            try:
                self._recognize(cameras)
            except Exception as error:  # the thread outlives whatever a backend raises
                if not self.context.ok():
                    return
                text = str(error) if isinstance(error, HarError) else f"{type(error).__name__}: {error}"
                for camera in cameras:
                    camera.warn(f"no action for this window: {text}")

    def _recognize(self, cameras: list[Camera]) -> None:
        streams = [camera.stream for camera in cameras]
        results = self._recognizer.recognize(streams, self._top_k, self._threshold)
        for camera, result in zip(cameras, results, strict=True):
            if result is not None:
                camera.prediction = result.prediction
                camera.windows += 1
                self._publish(camera, result)

    def _publish(self, camera: Camera, result: Result) -> None:
        header = conversions.header(result.end, result.frame_id)
        prediction = result.prediction
        self._actions.publish(conversions.classification(header, prediction.accepted))
        age = self.get_clock().now().nanoseconds - result.end
        self._windows.publish(
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

    def _publish_diagnostics(self) -> None:
        self._health.publish(self._diagnostics.message(self.get_clock()))


def open_recognizer(values: dict[str, Any]) -> Recognizer:
    """Load the network that the parameters name. Raises HarError."""
    backend = BackendSettings(**{field.name: values[field.name] for field in fields(BackendSettings)})
    names = ("frames", "labels", "input_blob", "output_blob")
    return Recognizer.open(values["model"], backend, **{name: values[name] for name in names})


def overlay_topics(topics: list[str]) -> list[str]:
    """Return where each camera's annotated images go: beside its image topic.

    Cameras that share a namespace get one below their own topic instead: /a/left → /a/left/actions_image.
    """
    namespaces = [topic.rpartition("/")[0] for topic in topics]
    shared = Counter(namespaces)
    return [
        f"{namespace if shared[namespace] == 1 else topic}/actions_image"
        for topic, namespace in zip(topics, namespaces, strict=True)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the node; returns the exit status."""
    return run(ActionNet, arguments)

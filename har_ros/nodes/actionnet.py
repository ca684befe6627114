"""The node: camera topics in, actions out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher

from har_ros.errors import ConfigurationError, HarError, ModelError, told
from har_ros.nodes import diagnostics
from har_ros.nodes.camera import Camera
from har_ros.nodes.cameras import Cameras
from har_ros.nodes.output import Output
from har_ros.nodes.parameters import declare, resolved_topics
from har_ros.nodes.run import Program, run
from har_ros.nodes.signals import interruptible
from har_ros.nodes.usage import check_arguments
from har_ros.nodes.worker import Worker
from har_ros.pipeline.parameters import open_recognizer, score_settings, stream_settings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scheduler import Scheduler
from har_ros.settings import ACTIONNET, changed

PATIENCE = 1.0
"""Seconds that a running inference has to end when the node is deactivated or stopped."""


@dataclass(frozen=True)
class Active:
    """What the node has only while it is active."""

    worker: Worker
    cameras: Cameras


class ActionNet(Program, LifecycleNode):
    """A managed node: configured it has a network, active it has cameras and a worker.

    Images arrive on the executor's thread, the network runs on the worker's; the scheduler stands between them.
    """

    def __init__(self, **options: Any) -> None:
        """Options go to rclpy's LifecycleNode."""
        LifecycleNode.__init__(self, "actionnet", **options)
        self._values: dict[str, Any] = {}
        self._network_lock = Lock()
        self.recognizer: Recognizer | None = None
        self.active: Active | None = None
        self._refusal = HarError()
        self._started = False

    def start(self) -> None:
        """See Program."""
        self._values = declare(self, ACTIONNET, read_only=False)
        self._apply(self._values)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._output = Output(self)
        self._health: Publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._diagnostics = diagnostics.Diagnostics(self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(diagnostics.PERIOD, self._publish_diagnostics, clock=steady)
        if self._values["autostart"]:
            done = TransitionCallbackReturn.SUCCESS
            if self.trigger_configure() != done or self.trigger_activate() != done:
                raise self._refusal
        else:
            self.get_logger().info(f"waiting for: ros2 lifecycle set {self.get_fully_qualified_name()} configure")
        self._started = True

    def stop(self) -> None:
        """See Program."""
        self._free()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network."""
        return self._transition(self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras and start the work."""
        return self._transition(self._activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the work and keep the network. One that hangs may go on; nobody hears of its answer."""
        return self._transition(lambda: self._deactivate() or True)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network."""
        return self._transition(self._cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the work and free the network."""
        return self._transition(self._free)

    def _transition(self, action: Callable[[], object]) -> TransitionCallbackReturn:
        """Keep what went wrong, since rclpy does not, and log it unless `start` will raise it."""
        try:
            if action() is not False:
                return TransitionCallbackReturn.SUCCESS
            self._refusal = ModelError("the network still runs; try again when it has ended")
        except Exception as error:  # a node that is not configured is better than none
            self._refusal = error if isinstance(error, HarError) else ModelError(told(error))
        if self._started:
            self.get_logger().error(str(self._refusal))
        return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        values = self._values
        self.get_logger().info(f"loading {values['model']}")
        with interruptible():
            recognizer = open_recognizer(values)
        settings = stream_settings(values)
        try:
            scores = score_settings(values, recognizer.labels)
            recognizer.check(settings)
        except BaseException:
            recognizer.close()
            raise
        self.recognizer = recognizer
        self._output.describe(recognizer.card.name, recognizer.labels, scores.threshold)
        self.get_logger().info(recognizer.summary(settings))

    def _activate(self) -> None:
        assert self.recognizer is not None  # the lifecycle's order
        scores = score_settings(self._values, self.recognizer.labels)
        scheduler: Scheduler[Camera] = Scheduler()
        worker = Worker(self.recognizer, self._network_lock, scores, scheduler, self._output, self.get_clock())
        settings = stream_settings(self._values)
        cameras = Cameras(self, self._values["image_transport"], self.recognizer, settings, scheduler)
        self.active = Active(worker, cameras)
        try:
            self._apply(self._values)
        except HarError:
            self._deactivate()
            raise

    def _deactivate(self) -> bool:
        active, self.active = self.active, None
        if active is None:
            return True
        active.cameras.close()
        return active.worker.stop(PATIENCE)

    def _free(self) -> bool:
        return self._deactivate() and self._cleanup()

    def _cleanup(self) -> bool:
        """Free the network. One that cannot be freed is given up: the next one may work."""
        recognizer = self.recognizer
        if recognizer is None:
            return True
        if not self._network_lock.acquire(timeout=PATIENCE):
            return False
        self.recognizer = None
        try:
            recognizer.close()
        except Exception as error:
            self.get_logger().error(f"the network cannot be freed ({told(error)}); restart the node if memory is short")
        finally:
            self._network_lock.release()
        return True

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        given = {parameter.name: parameter.value for parameter in changes if parameter.name in self._values}
        if not given:  # QoS overrides, say, which rclpy declares for a new subscription
            return SetParametersResult(successful=True)
        try:
            values = changed(self._values, given, configured=self.recognizer is not None)
            self._apply(values)
        except ConfigurationError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self.recognizer is not None and values["threshold"] != self._values["threshold"]:
            self._output.describe(self.recognizer.card.name, self.recognizer.labels, values["threshold"])
        self._values = values
        return SetParametersResult(successful=True)

    def _apply(self, values: dict[str, Any]) -> None:
        """Bring what runs in line with the values. Raises ConfigurationError when they cannot work."""
        topics = resolved_topics(self, values["image_topics"])
        settings = stream_settings(values)
        if self.recognizer is None:
            return
        scores = score_settings(values, self.recognizer.labels)
        self.recognizer.check(settings)
        if self.active is None:
            return
        self.active.cameras.set(topics, values["overlay"])
        self.active.cameras.configure(settings)
        self.active.worker.score_settings = scores

    def _publish_diagnostics(self) -> None:
        recognizer, active = self.recognizer, self.active
        state = "unconfigured" if recognizer is None else "inactive" if active is None else "active"
        backend = recognizer.network.backend.name if recognizer else ""
        info = diagnostics.NetworkInfo(str(self._values["model"]), backend, state)
        worker, cameras = (active.worker, list(active.cameras)) if active else (None, [])
        self._health.publish(self._diagnostics.message(info, worker, cameras))


def main(arguments: list[str] | None = None) -> int:
    """Run the node; returns the exit status."""
    check_arguments("actionnet", __doc__, ACTIONNET, arguments)
    return run(ActionNet, arguments)

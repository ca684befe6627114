"""The node: camera topics in, actions out."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from threading import Lock
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher

from har_ros.errors import ConfigurationError, ModelError, error_text
from har_ros.nodes import diagnostics, humans
from har_ros.nodes.active import Active, NodeSettings
from har_ros.nodes.cameras import Cameras, NewStream
from har_ros.nodes.early import filling
from har_ros.nodes.follower import Follower
from har_ros.nodes.managed import ManagedProgram
from har_ros.nodes.output import Output
from har_ros.nodes.parameters import declare, resolved_topics
from har_ros.nodes.persons import Persons
from har_ros.nodes.run import run
from har_ros.nodes.signals import interruptible
from har_ros.nodes.usage import check_arguments
from har_ros.nodes.wait_for import WaitFor
from har_ros.nodes.wait_goal import Watched
from har_ros.nodes.worker import Subject, Worker
from har_ros.parameter import changed
from har_ros.pipeline.configuration import (
    check_whole_images,
    event_settings,
    person_stream_settings,
    score_settings,
    stream_settings,
    track_settings,
    whole_images,
)
from har_ros.pipeline.opening import find_network, open_first_recognizer
from har_ros.pipeline.recognizer import FoundNetwork, Recognizer
from har_ros.pipeline.scheduler import Scheduler
from har_ros.settings import ACTIONNET

PATIENCE = 1.0
"""Seconds that a running inference has to end when the node is deactivated or stopped."""
STILL_RUNS = "the network is still running; try again when it has finished"


class ActionNet(ManagedProgram):
    """A managed node: configured it has a network, active it has cameras and a worker.

    Where it starts by itself, it has cameras while the network is loaded. Images arrive on the executor's thread, the
    network runs on the worker's; the scheduler stands between them.
    """

    def __init__(self, **options: Any) -> None:
        """Options go to rclpy's LifecycleNode."""
        super().__init__("actionnet", **options)
        self._values: dict[str, Any] = {}
        self._network_lock = Lock()
        self.recognizer: Recognizer | None = None  # that of people where whole images are left out
        self.persons: Persons | None = None
        self.active: Active | None = None
        self._early: Cameras | None = None  # that are subscribed before the node is active
        self._wait_for: WaitFor | None = None

    def start(self) -> None:
        """Declare the parameters; configure and activate the node when it is to do so by itself."""
        self._values = declare(self, ACTIONNET, read_only=False)
        self._check(self._values, None, None)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._output = Output(self)
        self._wait_for = WaitFor(self, self._output.events, self._watched)
        self._health: Publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._diagnostics = diagnostics.Diagnostics(self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(diagnostics.PERIOD, self._publish_diagnostics, clock=steady)
        if self._values["autostart"]:
            self.autostart()
        else:
            self.get_logger().info(f"waiting for: ros2 lifecycle set {self.get_fully_qualified_name()} configure")

    def stop(self) -> None:
        """Stop the work and free the network; one that hangs is abandoned."""
        with suppress(ModelError):
            self.shutdown()
        if self._wait_for is not None:
            self._wait_for.close()

    def configure(self, activates: bool = False) -> None:
        """Load the network. activates: `activate` follows at once, so that windows may fill meanwhile."""
        if self.recognizer is not None:
            return
        self.get_logger().info(f"loading {self._model}")
        with interruptible(), ExitStack() as undo, ExitStack() as loading:
            whole = whole_images(self._values)
            found = find_network(self._values) if whole else None
            early = self._early_cameras(found) if activates and found is not None and found.fills_early else None
            if early is not None:
                undo.callback(early.close)
                loading.enter_context(filling(early))
            recognizer = undo.enter_context(found.load() if found is not None else open_first_recognizer(self._values))
            persons = Persons(self, self._values, recognizer) if self._values["persons"] else None
            if persons is not None:
                undo.callback(persons.close)
            settings = self._check(self._values, recognizer, persons)
            loading.close()  # which a signal may interrupt
            undo.pop_all()
        self.recognizer, self.persons, self._early = recognizer, persons, early
        self._output.describe(recognizer.card.name, recognizer.labels, settings.scores.threshold)
        self.get_logger().info(recognizer.summary(settings.stream) if whole else "whole images are left out")
        if persons is not None:
            networks, (height, width, _) = persons.networks, persons.networks.estimator.shape
            self.get_logger().info(f"people are found by {networks.estimator.card.name} in {width}×{height} pixels")
            summary = networks.recognizer.summary(settings.person_stream)
            self.get_logger().info(f"what they do is said by {networks.recognizer.card.name}: {summary}")

    def activate(self) -> None:
        """Subscribe to the cameras and start the work."""
        if self.active is not None:
            return
        assert self.recognizer is not None  # the lifecycle's order
        settings = self._check(self._values, self.recognizer, self.persons)
        self._output.events.use(settings.events, settings.scores.smoothing)
        cameras = self._early
        if cameras is None:
            new_stream = self.recognizer.stream if whole_images(self._values) else None
            cameras = self._cameras(new_stream, self.recognizer.labels)
        worker = Worker(self.recognizer, self._network_lock, settings.scores, cameras.scheduler)
        follower, person_worker = self._follow(settings, cameras.scheduler)
        if follower is not None:
            cameras.follow(follower)
        cameras.set(settings.topics, settings.stream, settings.overlay)
        for part in (worker, follower, person_worker):
            if part is not None:
                part.start()
        self.active, self._early = Active(cameras, worker, follower, person_worker), None

    def _early_cameras(self, found: FoundNetwork) -> Cameras:
        """Subscribe to the cameras before their network is loaded. Raises ConfigurationError."""
        settings = self._check(self._values, None, None)
        cameras = self._cameras(found.stream, found.labels)
        cameras.set(settings.topics, settings.stream, settings.overlay)
        return cameras

    def _cameras(self, new_stream: NewStream | None, labels: tuple[str, ...]) -> Cameras:
        return Cameras(self, self._values["image_transport"], new_stream, labels, self._output)

    def _follow(self, settings: NodeSettings, scheduler: Scheduler[Subject]) -> tuple[Follower | None, Worker | None]:
        """Return what follows people, and the worker of their network where it is not the cameras' (`scheduler`)."""
        persons, worker = self.persons, None
        if persons is None:
            return None, None
        if not persons.networks.shared:
            scheduler = Scheduler()
            worker = Worker(persons.networks.recognizer, persons.recognizer_lock, settings.person_scores, scheduler)
        follower = Follower(persons, scheduler, settings.person_stream, settings.tracks, self._output.events)
        return follower, worker

    def deactivate(self) -> None:
        """Stop the work and keep the network. One that hangs may continue; its answer is not published."""
        self._stop_work()

    def cleanup(self) -> None:
        """Free the network. One that cannot be freed is abandoned: the next one may work.

        Raises ModelError while it runs.
        """
        if self.recognizer is None:
            return
        with ExitStack() as locks:
            for lock in (self._network_lock, *(self.persons.locks if self.persons else ())):
                if not lock.acquire(timeout=PATIENCE):
                    raise ModelError(STILL_RUNS)
                locks.callback(lock.release)
            networks = [network for network in (self.persons, self.recognizer) if network is not None]
            self.recognizer, self.persons = None, None
            for network in networks:
                self._free(network)

    def _free(self, network: Recognizer | Persons) -> None:
        try:
            network.close()
        except Exception as error:
            self.get_logger().error(
                f"the network cannot be freed ({error_text(error)}); restart the node if memory is short"
            )

    def shutdown(self) -> None:
        """Stop the work and free the network. Raises ModelError while it runs."""
        if not self._stop_work():
            raise ModelError(STILL_RUNS)
        self.cleanup()

    def _stop_work(self) -> bool:
        """Return False when the network still runs."""
        active, self.active = self.active, None
        if self._early is not None:
            self._early.close()
            self._early = None
        if active is None:
            return True
        return active.stop(PATIENCE)

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        given = {parameter.name: parameter.value for parameter in changes if parameter.name in self._values}
        if not given:  # QoS overrides, say, which rclpy declares for a new subscription
            return SetParametersResult(successful=True)
        try:
            values = changed(ACTIONNET, self._values, given, configured=self.recognizer is not None)
            self._apply(self._check(values, self.recognizer, self.persons))
        except ConfigurationError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self.recognizer is not None and values["threshold"] != self._values["threshold"]:
            self._output.describe(self.recognizer.card.name, self.recognizer.labels, values["threshold"])
        self._values = values
        return SetParametersResult(successful=True)

    def _check(self, values: dict[str, Any], recognizer: Recognizer | None, persons: Persons | None) -> NodeSettings:
        """Return the checked settings. Raises ConfigurationError when the values cannot work with the networks."""
        humans.check(values)
        check_whole_images(values)
        topics = resolved_topics(self, values["image_topics"])
        stream, person_stream = stream_settings(values), person_stream_settings(values)
        labels = recognizer.labels if recognizer else tuple(values["allowed_labels"])  # the network's may be any
        person_labels = persons.networks.recognizer.labels if persons else labels
        scores = score_settings(values, labels, person_labels)
        person_scores = score_settings(values, person_labels, labels)
        if recognizer is not None:
            recognizer.check(stream)
        if persons is not None:
            persons.networks.recognizer.check(person_stream)
        tracks = track_settings(values)
        events = event_settings(values, None if recognizer is None else (*labels, *person_labels))
        return NodeSettings(topics, values["overlay"], stream, person_stream, scores, person_scores, tracks, events)

    def _apply(self, settings: NodeSettings) -> None:
        """Apply the settings to what runs.

        Raises ConfigurationError when a topic cannot be used, which only the attempt shows; then nothing has changed.
        """
        if self.active is not None:
            self.active.apply(settings)
        self._output.events.use(settings.events, settings.scores.smoothing)

    def _watched(self) -> Watched | None:
        """Return which events there can be; None while the node is not active."""
        if self.active is None or self.recognizer is None:
            return None
        labels = self.recognizer.labels if whole_images(self._values) else ()
        person_labels = self.persons.networks.recognizer.labels if self.persons else ()
        return Watched(
            tuple(camera.topic for camera in self.active.cameras),
            score_settings(self._values, labels, person_labels).allowed_labels or labels,
            score_settings(self._values, person_labels, labels).allowed_labels or person_labels,
        )

    @property
    def _model(self) -> str:
        """What names the recognizer's network."""
        return str(self._values["model" if whole_images(self._values) else "persons_model"])

    def _publish_diagnostics(self) -> None:
        recognizer, active = self.recognizer, self.active
        state = "unconfigured" if recognizer is None else "inactive" if active is None else "active"
        backend = recognizer.network.backend.name if recognizer else ""
        info = diagnostics.NetworkInfo(self._model, backend, state)
        worker, cameras = (active.worker, list(active.cameras)) if active else (None, [])
        people = active.people if active else {}
        self._health.publish(self._diagnostics.message(info, worker, cameras, people))
        for camera in cameras:
            camera.end_events()


def main(arguments: list[str] | None = None) -> int:
    """Run the node; returns the exit status."""
    check_arguments("actionnet", __doc__, ACTIONNET, arguments)
    return run(ActionNet, arguments)

"""What the node actionnet has while it is active, and the settings that it goes by."""

from __future__ import annotations

from dataclasses import dataclass

from har_ros.frames.sampling import StreamSettings
from har_ros.nodes.cameras import Cameras
from har_ros.nodes.follower import Follower
from har_ros.nodes.worker import Worker
from har_ros.persons.tracks import TrackSettings
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.scores import ScoreSettings


@dataclass(frozen=True)
class NodeSettings:
    """The checked values of the parameters; only a topic may still turn out to be unusable.

    topics: full names → names as given, which rclpy remaps. overlay: whether annotated images are published.
    """

    topics: dict[str, str]
    overlay: bool
    stream: StreamSettings
    person_stream: StreamSettings
    scores: ScoreSettings
    person_scores: ScoreSettings
    tracks: TrackSettings
    events: EventSettings


@dataclass(frozen=True)
class Active:
    """What the node has only while it is active."""

    cameras: Cameras
    worker: Worker
    follower: Follower | None
    person_worker: Worker | None  # where people have a network of their own

    @property
    def people(self) -> dict[str, Worker | Follower]:
        """What runs networks for people, by what these are called."""
        parts = {"pose network": self.follower, "persons' network": self.person_worker}
        return {name: part for name, part in parts.items() if part is not None}

    def apply(self, settings: NodeSettings) -> None:
        """Go on with other settings. Raises ConfigurationError, with nothing changed, when a topic cannot be used."""
        self.cameras.set(settings.topics, settings.stream, settings.overlay)
        self.worker.score_settings = settings.scores
        if self.person_worker is not None:
            self.person_worker.score_settings = settings.person_scores
        if self.follower is not None:
            self.follower.streams, self.follower.tracking = settings.person_stream, settings.tracks

    def stop(self, timeout: float) -> bool:
        """End the work. Returns False when a network still runs after `timeout`."""
        self.cameras.close()
        work = (self.worker, self.follower, self.person_worker)
        stopped = [part.stop(timeout) for part in work if part is not None]
        return all(stopped)

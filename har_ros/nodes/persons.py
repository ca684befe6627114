"""What the node has while it is configured to follow people: a pose network, and one for what each person does."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from typing import Any

from rclpy.node import Node

from har_ros.nodes.humans import Humans
from har_ros.nodes.output import PersonsOutput
from har_ros.pipeline.following import PersonNetworks
from har_ros.pipeline.recognizer import Recognizer


class Persons:
    """The networks for people and their publishers. The locks are held while the networks run."""

    def __init__(self, node: Node, values: dict[str, Any], recognizer: Recognizer) -> None:
        """recognizer: the node's own. Raises HarError."""
        self.estimator_lock, self.recognizer_lock = Lock(), Lock()
        with ExitStack() as undo:
            self.networks = undo.enter_context(PersonNetworks(values, recognizer))
            self.output = PersonsOutput(node)
            undo.callback(self.output.close)
            self.humans = Humans(node) if values["ros4hri"] else None
            undo.pop_all()

    @property
    def locks(self) -> tuple[Lock, Lock]:
        """What is held while one of the networks runs."""
        return self.estimator_lock, self.recognizer_lock

    def close(self) -> None:
        """End the topics, and free the networks that are not the node's own; none may be running."""
        self.output.close()
        if self.humans is not None:
            self.humans.close()
        self.networks.close()

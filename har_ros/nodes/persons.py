"""What the node has while it is configured to follow people: a pose network, and one for what each person does."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from typing import Any

from rclpy.node import Node

from har_ros.errors import ModelError
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
            undo.pop_all()

    def close(self, timeout: float) -> None:
        """Free the networks that are not the node's own. Raises ModelError while one runs."""
        with ExitStack() as locks:
            for lock in (self.estimator_lock, self.recognizer_lock):
                if not lock.acquire(timeout=timeout):
                    raise ModelError("a network for people still runs; try again when it has ended")
                locks.callback(lock.release)
            self.output.close()
            self.networks.close()

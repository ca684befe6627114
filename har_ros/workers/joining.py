"""A Ray cluster as workers, where Ray is installed."""

from __future__ import annotations

import importlib
from typing import Protocol

from har_ros.errors import ConfigurationError
from har_ros.workers.workers import Workers


class RayWorkers(Workers, Protocol):
    """The workers of a Ray cluster."""

    def connect(self) -> None:
        """Connect to the cluster, or start it, if that has not been done. Raises WorkersLostError."""


def ray_workers(address: str) -> RayWorkers:
    """Return the workers of a cluster. address: see Cluster. Raises ConfigurationError where Ray is not there."""
    try:
        module = importlib.import_module("har_ros.workers.ray.cluster")
    except ImportError as error:
        raise ConfigurationError(f"--ray needs Ray ({error}); run: pip install ray") from None
    cluster: RayWorkers = module.Cluster(address)
    return cluster

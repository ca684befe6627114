"""From the parameter backend to a loaded network."""

from __future__ import annotations

import importlib
import logging

from har_ros.backends.backend import Backend, BackendSettings
from har_ros.errors import BackendMissingError, ConfigurationError, ModelError
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.settings import BACKENDS, LOCAL_BACKENDS

logger = logging.getLogger(__name__)


def load_backend(network: PreparedNetwork, settings: BackendSettings) -> Backend:
    """Load a network. Raises HarError."""
    if settings.server and settings.backend != "triton":
        raise ConfigurationError(
            f"server is {settings.server}, but backend is {settings.backend}; set backend to triton"
        )
    if settings.backend == "auto":
        return _first_that_works(network, settings)
    if settings.backend not in BACKENDS:
        raise ConfigurationError(f"backend {settings.backend!r} is unknown; use auto or one of {', '.join(BACKENDS)}")
    return _load(settings.backend, network, settings)


def _first_that_works(network: PreparedNetwork, settings: BackendSettings) -> Backend:
    """The last one's error is raised, the others' are logged. A device other than the CPU is the last one's, too.

    What is not on a machine without a GPU is no news; a GPU whose backend fails is.
    """
    *names, last = LOCAL_BACKENDS
    for name in names if settings.device == "CPU" else ():
        try:
            return _load(name, network, settings)
        except ModelError as error:
            level = logging.DEBUG if isinstance(error, BackendMissingError) else logging.WARNING
            logger.log(level, "%s runs %s, because: %s", last, network.name, error)
    return _load(last, network, settings)


def _load(name: str, network: PreparedNetwork, settings: BackendSettings) -> Backend:
    backend: Backend = importlib.import_module(f"har_ros.backends.{name}.backend").load(network, settings)
    return backend

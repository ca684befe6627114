"""Passes the core's log on to the node's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.node import Node

_CORE = logging.getLogger("har_ros")


class _ToRos(logging.Handler):
    """Passes records on to a node's logger."""

    def __init__(self, node: Node) -> None:
        super().__init__(logging.DEBUG)
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record's message. A call of rclpy's logger keeps its severity, so there is one call for each."""
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)


@contextmanager
def core_log_to(node: Node) -> Iterator[None]:
    """Pass what the core logs in the block on to the node's logger, whose level decides what is shown."""
    handler, level = _ToRos(node), _CORE.level
    _CORE.addHandler(handler)
    _CORE.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        _CORE.setLevel(level)
        _CORE.removeHandler(handler)

"""Connections of httpcore that end in time, however slowly their bytes come."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import httpcore

Limit = Callable[[float | None], float]
"""Returns the seconds that an operation may take, which has this time-out. Raises httpcore.ReadTimeout."""


class TimedStream(httpcore.NetworkStream):
    """A connection whose every operation has a limit, also one that is encrypted later."""

    def __init__(self, inner: httpcore.NetworkStream, limit: Limit) -> None:
        self._inner, self._limit = inner, limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes. Raises httpcore.ReadTimeout, httpcore.ReadError."""
        return self._inner.read(max_bytes, self._limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write bytes. Raises httpcore.WriteTimeout, httpcore.WriteError."""
        self._inner.write(buffer, self._limit(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted, with a server that proves its name. Raises httpcore.ConnectError."""
        self._inner = self._inner.start_tls(ssl_context, server_hostname, self._limit(timeout))
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks of the connection."""
        return self._inner.get_extra_info(info)

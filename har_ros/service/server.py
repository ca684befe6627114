"""The HTTP server: how long it waits for requests, how many it takes, and how it ends."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from har_ros.service.process import allow_files

GRACE = 2
"""Seconds that clients have to go at the end: who follows a job would stay for as long as it takes."""
PATIENCE = 10.0
"""Seconds after which a connection is closed on which no first request has come; browsers open some for later."""


class Server(uvicorn.Server):
    """A server of the application. At its end, what waits to be looked at is answered first."""

    def __init__(self, app: FastAPI, proxy: str = "") -> None:
        """proxy: the address of one in front, whose X-Forwarded-For names the clients."""
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                log_level="critical",
                server_header=False,
                proxy_headers=bool(proxy),
                forwarded_allow_ips=proxy,
                timeout_graceful_shutdown=GRACE,
                limit_concurrency=allow_files() // 2,  # the others are for what requests open
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the server."""
        for decoding in self._app.state.decoding:
            decoding.close()
        await super().shutdown(sockets)


class _Connection(H11Protocol):
    """A connection that somebody must use."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self.loop.call_later(PATIENCE, self._close_unused)

    def _close_unused(self) -> None:
        if self.cycle is None:
            self.transport.close()

"""Requests through HTTP that end at a time, whatever the server does, with answers of a bounded size.

Triton's own client for HTTP is for one thread, and bounds neither the time of a whole request nor an answer's size.
"""

from __future__ import annotations

import io
import select
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from ssl import SSLContext
from typing import Any

PIECE = 2**18
"""Bytes that are sent at a time."""
IDLE = 2.0
"""Seconds after which an unused connection is not trusted any more; servers close theirs after 5 or more."""


@dataclass(frozen=True)
class Answer:
    """What a server answers. reason: its words for the status. content: cut off after `largest` bytes and one more."""

    status: int
    reason: str
    headers: Message
    content: bytes


class Connection:
    """One connection, for a request at a time. Raises OSError, of which TimeoutError, and HTTPException."""

    def __init__(self, host: str, port: int, context: SSLContext | None, end: float) -> None:
        """context: what encrypts it, if something does. end: monotonic seconds at which all has to be done."""
        self._end = end
        self.reusable = False  # for another request, after the last one
        self._used = 0.0  # monotonic seconds of its newest answer
        self._http = HTTPConnection(host, port)
        self._socket = socket.create_connection((host, port), self._left())
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._socket.settimeout(self._left())
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except BaseException:
            self._socket.close()
            raise

    def ask(
        self, method: str, path: str, body: Sequence[memoryview], headers: Mapping[str, str], end: float, largest: int
    ) -> Answer:
        """Send a request. body: its parts. largest: bytes of the answer's content that are of interest."""
        self._end, self.reusable = end, False
        self._http.sock = _Timed(self)
        with suppress(BrokenPipeError, ConnectionResetError):  # a server that takes no more may have said why
            self._http.request(method, path, body or None, dict(headers))
        response = self._http.getresponse()
        content = response.read(largest + 1)
        complete = response.isclosed()
        if len(content) <= largest and not complete:
            raise ConnectionResetError("the connection ends within the answer")
        self._used, self.reusable = time.monotonic(), complete and not response.will_close
        return Answer(response.status, response.reason, response.headers, content)

    @property
    def fresh(self) -> bool:
        """Whether it can be trusted: the server may have closed it meanwhile, or have sent what nobody asked for."""
        if time.monotonic() - self._used > IDLE:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def _left(self) -> float:
        """Return the seconds that are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def send(self, data: Any) -> None:
        """Send bytes, as long as there is time."""
        rest = memoryview(data).cast("B")
        while rest:
            self._socket.settimeout(self._left())
            rest = rest[self._socket.send(rest[:PIECE]) :]

    def receive(self, buffer: Any) -> int:
        """Wait for bytes, as long as there is time. Returns their number; 0: there are no more."""
        self._socket.settimeout(self._left())
        return self._socket.recv_into(buffer)

    def end(self) -> None:
        """End what waits for an answer, in another thread."""
        with suppress(OSError):  # it has ended
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection, which nothing waits for."""
        self._socket.close()


class _Timed:
    """What http.client takes for a socket. It closes one before it has read the answer, which has no effect here."""

    def __init__(self, connection: Connection) -> None:
        self.sendall = connection.send
        self._connection = connection

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return what reads an answer."""
        return io.BufferedReader(_Reader(self._connection))

    def close(self) -> None:
        """Do nothing."""


class _Reader(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.receive(buffer)

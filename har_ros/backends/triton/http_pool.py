"""Requests through HTTP that end at a time, whatever the server does, with answers of a bounded size.

Triton's own client for HTTP is for one thread, and bounds neither the time of a whole request nor an answer's size.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit
from weakref import WeakSet

import httpcore

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.wire import LARGEST_ANSWER, Limit, UnansweredError, token
from har_ros.errors import ModelError, one_line
from har_ros.files.timed_stream import TimedStream

PIECE = 2**18
"""Bytes that are sent at a time."""
IDLE = 2.0
"""Seconds after which an unused connection is not trusted any more; servers close theirs after 5 or more."""


@dataclass(frozen=True)
class Answer:
    """What a server answers. reason: its words for the status. headers: by their names in small letters."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


class Pool:
    """Sends requests, of any threads, over connections that are kept: as many as there are requests at a time."""

    def __init__(self, address: Address) -> None:
        """Raises ConfigurationError for a token that would not be encrypted."""
        self._address = address
        url = urlsplit(str(address))
        self._host, self._port, self._path = url.hostname or "", url.port, quote(url.path.rstrip("/"), safe="/%")
        self._scheme = url.scheme
        shows = token(address)
        self._headers = {"Host": url.netloc, **({"Authorization": f"Bearer {shows}"} if shows else {})}
        context = ssl.create_default_context() if address.secure else None
        self._network = _Network()
        self._pool = httpcore.ConnectionPool(context, None, keepalive_expiry=IDLE, network_backend=self._network)

    def ask(
        self,
        method: str,
        path: str,
        limit: Limit,
        parts: Sequence[memoryview] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request whose body has these parts. Raises UnansweredError, and ModelError for what is no answer."""
        call = self._network.begin(limit.seconds)
        given = {**self._headers, **(headers or {}), "Content-Length": str(sum(part.nbytes for part in parts))}
        try:
            url = httpcore.URL(scheme=self._scheme, host=self._host, port=self._port, target=f"{self._path}/{path}")
            with self._pool.stream(method, url, headers=list(given.items()), content=_pieces(parts)) as answer:
                return self._read(answer)
        except httpcore.TimeoutException:
            raise UnansweredError(f"the server at {self._address} does not answer within {limit}") from None
        except httpcore.ProtocolError as error:
            if not call.ended:
                reason = one_line(error)[:300]
                raise ModelError(f"the server at {self._address} gives an unreadable answer ({reason})") from None
            raise UnansweredError(f"the server at {self._address} says: {one_line(error)[:300]}") from None
        except (httpcore.NetworkError, UnicodeError) as error:  # the latter is of its name
            raise UnansweredError(f"the server at {self._address} says: {one_line(error)[:300]}") from None

    def _read(self, answer: httpcore.Response) -> Answer:
        content = bytearray()
        for block in answer.iter_stream():
            content += block
            if len(content) > LARGEST_ANSWER:
                raise ModelError(f"the server at {self._address} gives more than {LARGEST_ANSWER // 2**20} MiB")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
        reason = answer.extensions.get("reason_phrase", b"").decode("latin-1")
        return Answer(answer.status, reason, headers, bytes(content))

    def close(self) -> None:
        """End the connections, and what waits for an answer."""
        self._network.end()
        self._pool.close()


def _pieces(parts: Sequence[memoryview]) -> Iterator[bytes]:
    for part in parts:
        for begin in range(0, part.nbytes, PIECE):
            yield bytes(part[begin : begin + PIECE])


class _Call(threading.local):
    """A thread's request. end: monotonic seconds at which it has to be done. ended: did the server end it?"""

    end = 0.0
    ended = False

    def left(self, timeout: float | None = None) -> float:
        """Return the seconds that are left, whatever time-out an operation has. Raises httpcore.ReadTimeout."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _Network(httpcore.NetworkBackend):
    """Connections that wait until the end of the call that uses them, and can be ended by another thread."""

    def __init__(self) -> None:
        self._call = _Call()
        self._sockets = httpcore.SyncBackend()
        self._streams: WeakSet[_Stream] = WeakSet()
        self._over = False

    def begin(self, seconds: float) -> _Call:
        """Begin this thread's next call."""
        self._call.end, self._call.ended = time.monotonic() + seconds, False
        return self._call

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect. Raises httpcore.ConnectError, httpcore.ConnectTimeout."""
        stream = _Stream(self._sockets.connect_tcp(host, port, self._call.left()), self._call)
        self._streams.add(stream)
        if self._over:
            stream.end()
        return stream

    def end(self) -> None:
        """End all connections."""
        self._over = True
        for stream in list(self._streams):
            stream.end()


class _Stream(TimedStream):
    def __init__(self, inner: httpcore.NetworkStream, call: _Call) -> None:
        super().__init__(inner, call.left)
        self._call = call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes, and note whether the server has ended the connection."""
        data = super().read(max_bytes, timeout)
        self._call.ended = not data
        return data

    def end(self) -> None:
        """End what waits for bytes, in another thread."""
        with suppress(OSError):  # it has ended
            self.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

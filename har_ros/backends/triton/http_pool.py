"""Connections to a server through HTTP, as many as there are requests at a time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from threading import Lock
from urllib.parse import quote, urlsplit

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.http_connection import Answer, Connection
from har_ros.backends.triton.wire import LARGEST_ANSWER, Limit, UnansweredError, token
from har_ros.errors import ModelError, one_line


class Pool:
    """Sends requests, of any threads, over connections that are kept."""

    def __init__(self, address: Address) -> None:
        """Raises ConfigurationError for a token that would not be encrypted."""
        self._address = address
        url = urlsplit(str(address))
        self._host, self._path = url.hostname or "", quote(url.path.rstrip("/"), safe="/%")
        self._port = url.port or (443 if address.secure else 80)
        shows = token(address)
        self._headers = {"Authorization": f"Bearer {shows}"} if shows else {}
        self._context = ssl.create_default_context() if address.secure else None
        self._lock = Lock()  # of the next three
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._closed = False

    def ask(
        self,
        method: str,
        path: str,
        limit: Limit,
        parts: Sequence[memoryview] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request whose body has these parts. Raises UnansweredError, and ModelError for what is no answer."""
        end, given = time.monotonic() + limit.seconds, {**self._headers, **(headers or {})}
        if method == "POST":  # or http.client sends chunks, which not every server takes
            given["Content-Length"] = str(sum(part.nbytes for part in parts))
        try:
            with self._connection(end) as connection:
                answer = connection.ask(method, f"{self._path}/{path}", parts, given, end, LARGEST_ANSWER)
        except TimeoutError:
            raise UnansweredError(f"the server at {self._address} does not answer within {limit}") from None
        except (OSError, UnicodeError) as error:  # the latter is of its name
            reason = one_line(getattr(error, "strerror", None) or error)[:300]
            raise UnansweredError(f"the server at {self._address} says: {reason}") from None
        except HTTPException as error:
            reason = f"{type(error).__name__}: {one_line(error)[:300]}"
            raise ModelError(f"the server at {self._address} gives an unreadable answer ({reason})") from None
        if len(answer.content) > LARGEST_ANSWER:
            raise ModelError(f"the server at {self._address} gives more than {LARGEST_ANSWER // 2**20} MiB")
        return answer

    @contextmanager
    def _connection(self, end: float) -> Iterator[Connection]:
        """Lend a connection, which is kept afterwards if it can be used again."""
        connection = self._kept() or Connection(self._host, self._port, self._context, end)
        with self._lock:
            self._busy.add(connection)
            if self._closed:
                connection.end()
        try:
            yield connection
        finally:
            with self._lock:
                self._busy.remove(connection)
                if again := connection.reusable and not self._closed:
                    self._idle.append(connection)
            if not again:
                connection.close()

    def _kept(self) -> Connection | None:
        """Return the connection that was used last, if it can be used again."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or connection.fresh:
                return connection
            connection.close()

    def close(self) -> None:
        """End the connections, and what waits for an answer."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._busy:
                connection.end()
        for connection in idle:
            connection.close()

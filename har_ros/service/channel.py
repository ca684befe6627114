"""Hands items from any thread to all who listen in an event loop; whoever is slow misses the oldest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Listener(Generic[T]):
    def __init__(self, most: int) -> None:
        self.items: deque[T] = deque(maxlen=most)
        self.closed = False
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        with suppress(RuntimeError):  # its loop has ended
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def wait(self) -> None:
        await self._arrived.wait()
        self._arrived.clear()


class Channel(Generic[T]):
    """Items for all who listen."""

    def __init__(self, most: int, on_change: Callable[[], None] = lambda: None) -> None:
        """most: items that wait for a listener. on_change: called when listeners come or go, on their thread."""
        self._most = most
        self._on_change = on_change
        self._listeners: frozenset[_Listener[T]] = frozenset()
        self._closed = False
        self._lock = Lock()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def put(self, item: T) -> None:
        """Hand an item to all who listen now."""
        for listener in self._listeners:
            listener.items.append(item)
            listener.wake()

    def close(self) -> None:
        """End for all listeners, after what waits for them."""
        with self._lock:
            self._closed = True
        for listener in self._listeners:
            listener.closed = True
            listener.wake()

    async def listen(self, *first: T) -> AsyncGenerator[T, None]:
        """Yield the items from now on, after `first`, until the channel is closed."""
        listener = _Listener[T](self._most)
        with self._lock:
            listener.closed = self._closed
            self._listeners |= {listener}
        try:
            self._on_change()
            for item in first:
                yield item
            while not listener.closed or listener.items:
                while listener.items:
                    yield listener.items.popleft()
                if not listener.closed:
                    await listener.wait()
        finally:
            with self._lock:
                self._listeners -= {listener}
            self._on_change()

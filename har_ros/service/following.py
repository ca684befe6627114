"""Looks at what somebody follows: once for all who follow the same, in a thread that nothing else waits for."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Depends, HTTPException, Request

from har_ros.errors import one_line
from har_ros.service.channel import Channel
from har_ros.service.guard import Owner

logger = logging.getLogger(__name__)

WATCH = 0.25
"""Seconds between two looks."""
MOST_OF_ONE = 100
"""Streams of events that one client may follow at once, of jobs and of lessons."""


class Ends(Protocol):
    """What can be followed. ended: when it was over, None until then."""

    @property
    def ended(self) -> float | None:
        """Seconds since 1970."""


T = TypeVar("T", bound=Ends)


class _Followed(Generic[T]):
    """Something that is looked at now and then while somebody follows it."""

    def __init__(self, look: Callable[[], T | None], pool: ThreadPoolExecutor, on_end: Callable[[], None]) -> None:
        """on_end: called when it is looked at no more, more than once."""
        self.channel = Channel[T](1, self._on_listeners)
        self.last: tuple[T, ...] = ()
        self._look, self._pool, self._on_end = look, pool, on_end
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        try:
            while (found := await asyncio.get_running_loop().run_in_executor(self._pool, self._look)) is not None:
                self.last = (found,)
                self.channel.put(found)
                if found.ended is not None:
                    return
                await asyncio.sleep(WATCH)
        except Exception as error:  # such as a full disk; who follows comes back, and hears of it then
            logger.error("following: %s (%s)", type(error).__name__, one_line(error))
        finally:
            self._on_end()
            self.channel.close()

    def _on_listeners(self) -> None:
        if not self.channel.listeners:
            self._on_end()  # at once: who comes before the task has ended begins anew
            self._task.cancel()


class Following:
    """All that is followed. Close it. To be used in one event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "following")
        self._followed: dict[Hashable, _Followed[Any]] = {}
        self.owners: Counter[str] = Counter()
        """How many streams of events each client follows."""

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(cancel_futures=True)

    async def follow(self, key: Hashable, look: Callable[[], T | None]) -> AsyncIterator[T]:
        """Yield what `look` returns, now and then, until that has ended, or there is None. Who is slow misses some.

        key: what tells it from all else that is followed.
        """
        followed: _Followed[T] | None = self._followed.get(key)
        if followed is None:
            followed = self._begin(key, look)
        async with aclosing(followed.channel.listen(*followed.last)) as news:
            async for found in news:
                yield found

    def _begin(self, key: Hashable, look: Callable[[], T | None]) -> _Followed[T]:
        def forget() -> None:
            if self._followed.get(key) is followed:
                del self._followed[key]

        followed = self._followed[key] = _Followed(look, self._pool, forget)
        return followed


async def following_of(request: Request) -> Following:
    """Return what the application follows."""
    following: Following = request.app.state.following
    return following


Followers = Annotated[Following, Depends(following_of)]


async def check_followers(following: Followers, owner: Owner) -> AsyncIterator[None]:
    """Count a client that follows something, while it does. For a route's dependencies. Raises HTTPException."""
    if following.owners[owner] >= MOST_OF_ONE:
        raise HTTPException(
            429, f"{MOST_OF_ONE} streams of events are open for you already; close one", {"Retry-After": "5"}
        )
    following.owners[owner] += 1
    try:
        yield
    finally:
        following.owners[owner] -= 1
        if not following.owners[owner]:
            del following.owners[owner]

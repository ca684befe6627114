"""What nodes wait for, in wait sets that are made once, and which subscriptions' messages are taken straight from them.

It knows rclpy's internals as rclpy's executors do: there is no public wait set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription

Take = Callable[[list[tuple[Any, Any]]], None]
"""Takes the messages that wait, the oldest first, each with what is known of it."""
TakeOne = Callable[[Subscription], tuple[Any, Any] | None]
"""Takes a subscription's next message, None when there is none; its handle is in use."""
DIRECT = "taken_directly"
"""The attribute of a subscription that has its Direct."""
MESSAGES = ("subscription", "guard_condition")
"""Kinds of what is looked at each time."""


@dataclass
class Direct:
    """Who takes a subscription's messages, how many in a turn at most, and when the next ones.

    take_one: takes them from the middleware. rests_until: monotonic nanoseconds; messages wait until then. Only the
    thread that takes them sets it.
    """

    take: Take
    most: int
    take_one: TakeOne
    rests_until: int = 0


def take_one(subscription: Subscription) -> tuple[Any, Any] | None:
    """Take the next message rclpy's way, see TakeOne."""
    return subscription.handle.take_message(subscription.msg_type, subscription.raw)  # type: ignore[no-any-return]


def take_directly(subscription: Subscription, take: Take, most: int, take_one: TakeOne = take_one) -> Direct:
    """Let ImageExecutor give a subscription's messages to `take`, at most so many in a turn.

    Other executors call the subscription's own callback.
    """
    direct = vars(subscription)[DIRECT] = Direct(take, most, take_one)
    return direct


def take_waiting(subscription: Subscription) -> None:
    """Give the messages that wait to who takes them directly."""
    direct: Direct = vars(subscription)[DIRECT]
    messages: list[tuple[Any, Any]] = []
    with suppress(InvalidHandle), subscription.handle:  # another one's callback may just have destroyed it
        while len(messages) < direct.most:
            if (found := direct.take_one(subscription)) is None:
                break
            messages.append(found)
    if messages:
        direct.take(messages)


class Entities:
    """What nodes wait for, and wait sets with room for it. In use until it is closed, so that it is not destroyed."""

    def __init__(self, nodes: list[Node], guards: list[Any], context: Any) -> None:
        """guards: the executor's. Raises InvalidHandle when something was destroyed meanwhile."""
        from rclpy.waitable import NumberOfEntities

        self._lists = _lists(nodes)
        self._subscriptions, timers, clients, services, self._guards, self._waitables = self._lists
        self._pointers = [(one.handle.pointer, one) for one in self._subscriptions]
        self._handles = {
            "subscription": [one.handle for one in self._subscriptions],
            "guard_condition": [one.handle for one in (*self._guards, *guards)],
            "timer": [one.handle for one in timers],
            "client": [one.handle for one in clients],
            "service": [one.handle for one in services],
        }
        with ExitStack() as stack:
            for one in [*(handle for handles in self._handles.values() for handle in handles), *self._waitables]:
                stack.enter_context(one)
            stack.enter_context(context.handle)
            numbers = NumberOfEntities(*map(len, self._handles.values()))
            for waitable in self._waitables:
                numbers += waitable.get_num_entities()
            self._set = rclpy_implementation.WaitSet(
                numbers.num_subscriptions,
                numbers.num_guard_conditions,
                numbers.num_timers,
                numbers.num_clients,
                numbers.num_services,
                numbers.num_events,
                context.handle,
            )
            messages, guard_conditions = (len(self._handles[name]) for name in MESSAGES)
            self._messages = rclpy_implementation.WaitSet(messages, guard_conditions, 0, 0, 0, 0, context.handle)
            self._used = stack.pop_all()

    def are_of(self, nodes: list[Node]) -> bool:
        """Return whether this is still what the nodes wait for."""
        return self._lists == _lists(nodes)

    def wait(self, timeout: int) -> tuple[list[Subscription], bool]:
        """Wait until something is ready, at most `timeout` nanoseconds; below zero: for ever.

        Returns the subscriptions with images, and whether anything else is ready.
        """
        ready = self._wait(self._set, self._handles, self._waitables, timeout)
        images, other = self._sorted(ready)
        timers = [one for one in self._handles["timer"] if one.pointer in ready["timer"]]
        others = [waitable.is_ready(self._set) for waitable in self._waitables]  # each takes note
        others += [one.is_timer_ready() for one in timers]  # rcl shows cancelled ones, too
        others += [other, bool(ready["client"] or ready["service"])]
        return images, any(others)

    def wait_for_messages(self, timeout: int) -> tuple[list[Subscription], bool]:
        """Wait, see `wait`, for messages and guard conditions: of many cameras, the rest costs more than they do."""
        return self._sorted(self._wait(self._messages, MESSAGES, [], timeout))

    def _wait(self, found: Any, kinds: Iterable[str], waitables: list[Any], timeout: int) -> dict[str, set[int]]:
        """Return the pointers of what is ready, by its kind; nothing of subscriptions that rest, whose end ends it."""
        if resting := self.resting(time.monotonic_ns()):
            end = min(resting.values())
            timeout = end if timeout < 0 else min(timeout, end)
        found.clear_entities()  # waiting has taken out what was not ready
        for kind in kinds:
            add = getattr(found, f"add_{kind}")
            for handle in self._handles[kind]:
                if handle not in resting:
                    add(handle)
        for waitable in waitables:
            waitable.add_to_wait_set(found)
        found.wait(timeout)
        return {kind: set(found.get_ready_entities(kind)) for kind in kinds}

    def resting(self, now: int) -> dict[Any, int]:
        """Return the handles of subscriptions whose messages wait, and for how many nanoseconds."""
        directs = ((one.handle, vars(one)[DIRECT]) for one in self._subscriptions if DIRECT in vars(one))
        return {handle: direct.rests_until - now for handle, direct in directs if direct.rests_until > now}

    def _sorted(self, ready: dict[str, set[int]]) -> tuple[list[Subscription], bool]:
        """Return the subscriptions with images, and whether another one or a guard condition is ready."""
        messages = [one for pointer, one in self._pointers if pointer in ready["subscription"]]
        images = [one for one in messages if DIRECT in vars(one)]
        guards = [one for one in self._guards if one.handle.pointer in ready["guard_condition"]]
        for guard in guards:
            guard.trigger()  # again: to wait for it has taken it
        return images, bool(guards) or len(images) < len(messages)

    def close(self) -> None:
        """Let go of them."""
        self._used.close()


def _lists(nodes: list[Node]) -> tuple[list[Any], ...]:
    """Return subscriptions, timers, clients, services, guard conditions and waitables."""
    kinds = ("subscriptions", "timers", "clients", "services", "guards", "waitables")
    return tuple([one for node in nodes for one in getattr(node, kind)] for kind in kinds)

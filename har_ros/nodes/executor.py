"""An executor for nodes that get many images: its wait set is made once, and images are taken straight from it.

rclpy's makes a new wait set for each message, twice, in Python: with 16 cameras that costs more than the images.
Everything else (timers, services, parameters, actions, events of subscriptions, coroutines) is left to rclpy, and while
images come one after another it is looked at 20 times a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor, TimeoutException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.utilities import timeout_sec_to_nsec

from har_ros.errors import one_line

Take = Callable[[list[tuple[Any, Any]]], None]
"""Takes the messages that wait, the oldest first, each with what is known of it."""
DIRECT = "taken_directly"
"""The attribute of a subscription that has its Direct."""
LOOK_PERIOD = 50_000_000
"""Nanoseconds between two looks at all that is waited for, while images come."""
MESSAGES = ("subscription", "guard_condition")
"""Kinds of what is looked at each time."""


@dataclass
class Direct:
    """Who takes a subscription's messages, how many in a turn at most, and when the next ones.

    rests_until: monotonic nanoseconds; messages wait until then. Only the executor's thread sets it.
    """

    take: Take
    most: int
    rests_until: int = 0


def take_directly(subscription: Subscription, take: Take, most: int) -> Direct:
    """Let ImageExecutor give a subscription's messages to `take`, at most so many in a turn.

    Other executors call the subscription's own callback.
    """
    direct = vars(subscription)[DIRECT] = Direct(take, most)
    return direct


class ImageExecutor(SingleThreadedExecutor):
    """Gives images to those who asked for them with `take_directly`, and runs all other callbacks as rclpy does.

    Where rclpy's internals are not what they were, it says so once and is rclpy's SingleThreadedExecutor.
    """

    def __init__(self) -> None:
        super().__init__()
        self._entities: Entities | None = None
        self._in_use = Lock()  # of the entities, while they are waited for
        self._woken = True
        self._next_look = 0  # at all that is waited for; monotonic nanoseconds
        self._given_up = False
        self._images_aside = False

    def wake(self) -> None:
        """Look at all that may have changed. Any thread may call it."""
        self._woken = True
        super().wake()

    def create_task(self, *arguments: Any, **named: Any) -> Any:
        """Run a function or a coroutine, see Executor. Any thread may call it."""
        task = super().create_task(*arguments, **named)
        self.wake()
        return task

    def _call_task_in_next_spin(self, task: Any) -> None:
        """Go on with a coroutine, as rclpy's development branch has it; it has not run with that."""
        parent: Any = super()
        parent._call_task_in_next_spin(task)
        self.wake()

    def _spin_once_impl(self, timeout_sec: Any = None, *arguments: Any, **named: Any) -> None:
        """Run what is ready, or wait for it. Raises ExternalShutdownException at the context's end.

        All that spins comes here. What else is given is a condition for going on to wait; a wake-up ends this waiting.
        """
        try:
            self._turn(timeout_sec, *arguments, **named)
        except rclpy_implementation.RCLError:
            if self.context.ok():
                raise
            raise ExternalShutdownException from None  # by a thread, between the look at it and its use

    def _turn(self, timeout_sec: Any, *arguments: Any, **named: Any) -> None:
        if self._given_up or self._is_shutdown:
            super()._spin_once_impl(timeout_sec, *arguments, **named)
            return
        try:
            images, others = self._ready(timeout_sec_to_nsec(getattr(timeout_sec, "timeout", timeout_sec)))
        except InvalidHandle:  # destroyed by another thread just now
            images, others = [], False
        except (AttributeError, ImportError, TypeError) as error:
            self._give_up(error)
            return
        if not self.context.ok():
            raise ExternalShutdownException
        for subscription in images:
            _take(subscription, vars(subscription)[DIRECT])
        if woken := self._woken:  # set to False only then: a thread may wake it in between
            self._woken = False
        if (others or woken) and not self._run_others() and others:  # what is ready has to wait for a coroutine
            super()._spin_once_impl(timeout_sec, *arguments, **named)

    def can_execute(self, entity: Any) -> bool:
        """Return whether rclpy's way may run an entity's callback."""
        return not (self._images_aside and DIRECT in vars(entity)) and bool(super().can_execute(entity))

    def _ready(self, timeout: int) -> tuple[list[Subscription], bool]:
        """Wait. Returns the subscriptions that have images, and whether anything else is ready."""
        with self._in_use:
            start = now = time.monotonic_ns()
            while self._entities is not None and not self._woken and now < self._next_look:
                left = self._next_look - now
                images, others = self._entities.wait_for_messages(left if timeout < 0 else min(timeout, left))
                if images or others:
                    return images, others
                now = time.monotonic_ns()
                if 0 <= timeout <= now - start:
                    break
            if timeout >= 0:
                timeout = max(0, timeout - (now - start))
            nodes = self.get_nodes()
            if self._entities is None or not self._entities.are_of(nodes):
                self._close_entities()
                self._entities = Entities(nodes, [self._guard, self._sigint_gc], self.context)
            images, others = self._entities.wait(0 if self._woken else timeout)
            now = time.monotonic_ns()
            if images or self._entities.resting(now):
                self._next_look = now + LOOK_PERIOD
            return images, others

    def _run_others(self) -> bool:
        """Run, as rclpy does, all callbacks that are ready. Returns whether there was one.

        rclpy's look ends before the coroutines that wait for what a callback did: these have their turn at once, too.
        """
        ran = ended = False
        self._images_aside = True
        try:
            while True:
                try:
                    task, *_ = self.wait_for_ready_callbacks(timeout_sec=0)
                except (TimeoutException, ShutdownException):
                    self._woken = self._woken or (ended and bool(self._tasks))
                    return ran
                ran = True
                task()
                ended = ended or task.done()
                task.result()  # raises what it raised
        finally:
            self._images_aside = False

    def _give_up(self, error: Exception) -> None:
        self._given_up = True
        self._release()
        get_logger("har_ros").warning(
            f"images take rclpy's own way, which costs more CPU: this rclpy is not as it was ({one_line(error)})"
        )

    def _release(self) -> None:
        """Let go of what is waited for; where a thread is waiting, it does so before it waits again."""
        if self._in_use.acquire(blocking=False):
            try:
                self._close_entities()
            finally:
                self._in_use.release()

    def _close_entities(self) -> None:
        if self._entities is not None:
            self._entities.close()
            self._entities = None

    def remove_node(self, node: Node) -> None:
        """Stop running a node's callbacks."""
        super().remove_node(node)
        self._release()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop, see Executor."""
        ended = bool(super().shutdown(timeout_sec))
        self._release()
        return ended


def _take(subscription: Subscription, direct: Direct) -> None:
    """Give away the messages that wait."""
    messages: list[tuple[Any, Any]] = []
    with suppress(InvalidHandle), subscription.handle:  # another one's callback may just have destroyed it
        while len(messages) < direct.most:
            if (found := subscription.handle.take_message(subscription.msg_type, subscription.raw)) is None:
                break
            messages.append(found)
    if messages:
        direct.take(messages)


class Entities:
    """What nodes wait for, and wait sets with room for it. In use until it is closed, so that it is not destroyed.

    It knows rclpy's internals as rclpy's executors do: there is no public wait set.
    """

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

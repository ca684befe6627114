"""An executor for nodes that get many images: its wait set is made once, and images are taken straight from it.

rclpy's makes a new wait set for each message, twice, in Python: with 16 cameras that costs more than the images.
Everything else (timers, services, parameters, actions, events of subscriptions, coroutines) is left to rclpy, and while
images come one after another it is looked at 20 times a second.
"""

from __future__ import annotations

import time
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
from har_ros.nodes.wait_sets import DIRECT, Entities, take_waiting

LOOK_PERIOD = 50_000_000
"""Nanoseconds between two looks at all that is waited for, while images come."""


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
            take_waiting(subscription)
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

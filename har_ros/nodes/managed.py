"""A program with a managed (lifecycle) node."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from har_ros.errors import HarError, ModelError, error_text
from har_ros.nodes.run import Program


class ManagedProgram(Program, LifecycleNode):
    """`configure`, `activate`, `deactivate` and `cleanup` do the work; a transition fails when one of them raises."""

    def __init__(self, name: str, **options: Any) -> None:
        """Options go to rclpy's LifecycleNode."""
        LifecycleNode.__init__(self, name, **options)

    @abstractmethod
    def configure(self, activates: bool = False) -> None:
        """Get what the work needs, unless it is there. activates: `activate` follows at once. Raises HarError."""

    @abstractmethod
    def activate(self) -> None:
        """Start the work, unless it goes on. Raises HarError."""

    @abstractmethod
    def deactivate(self) -> None:
        """Stop the work. Raises HarError."""

    @abstractmethod
    def cleanup(self) -> None:
        """Free what the work needs. Raises HarError."""

    @abstractmethod
    def shutdown(self) -> None:
        """Stop the work and free what it needs, in whatever state. Raises HarError."""

    def autostart(self) -> None:
        """Configure and activate. Raises HarError.

        A transition of rclpy does not tell why it failed, so the work is done first, and the transitions find it done.
        """
        with _as_har_error():
            self.configure(activates=True)
            self.activate()
        self.trigger_configure()
        self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure when ROS asks for it."""
        return self._transition(self.configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate when ROS asks for it."""
        return self._transition(self.activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate when ROS asks for it."""
        return self._transition(self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up when ROS asks for it."""
        return self._transition(self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Shut down when ROS asks for it."""
        return self._transition(self.shutdown)

    def _transition(self, work: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            with _as_har_error():
                work()
        except HarError as error:  # a node that is not configured is better than none
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS


@contextmanager
def _as_har_error() -> Iterator[None]:
    """Raise what another library raises in the block as a ModelError, which is one sentence."""
    try:
        yield
    except HarError:
        raise
    except Exception as error:
        raise ModelError(error_text(error)) from error

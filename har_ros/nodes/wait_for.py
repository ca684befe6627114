"""The action server actions/wait_for: a client gets the first event of the kind that it waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from har_ros.action import WaitForAction
from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import SECOND
from har_ros.nodes import conversions
from har_ros.nodes.events import EventsOutput
from har_ros.nodes.images import LOG_PERIOD
from har_ros.nodes.wait_goal import WaitGoal, Wanted, Watched

ACTION = "actions/wait_for"
MOST_GOALS = 32
"""That wait at the same time."""
RESULT_TIMEOUT = 10
"""Seconds of the node's clock for which the result of a goal can be asked for after its end."""
MOST_RESULTS = 1000
"""That are kept for so long, simulated time may stand still; beyond them goals are rejected."""
TICK = 0.1
"""Seconds between two looks at the time, and at what the node still watches, while goals wait."""
FEEDBACK_PERIOD = 1.0
"""Seconds."""
ACTIVATE = "activate it (ros2 lifecycle set)"


class WaitFor:
    """Accepts goals that cannot be served, too, and aborts them at once: a rejection cannot say why.

    A goal that waits is a suspended coroutine of the node's executor: it has no thread, and blocks nothing.
    """

    def __init__(self, node: Node, events: EventsOutput, watched: Callable[[], Watched | None]) -> None:
        """watched: what the node sees now; None: it is not active."""
        self._node = node
        self._events = events
        self._watched = watched
        self._logger = node.get_logger()
        self._waiting: dict[WaitGoal, _Client] = {}
        self._ended: deque[int] = deque()  # when goals ended, of which the results are kept
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still, or go back
        self._timer = node.create_timer(TICK, self._tick, clock=steady)
        self._timer.cancel()
        all_at_once = QoSProfile(depth=MOST_GOALS)  # one event may end all; beyond ROS's usual 10 they would be lost
        self._server: ActionServer | None = ActionServer(
            node,
            WaitForAction,
            ACTION,
            self._execute,
            goal_callback=self._accept,
            goal_service_qos_profile=all_at_once,
            cancel_service_qos_profile=all_at_once,
            result_service_qos_profile=all_at_once,
            feedback_pub_qos_profile=all_at_once,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            result_timeout=RESULT_TIMEOUT,
        )

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.destroy()
            self._server = None

    def _accept(self, _: WaitForAction.Goal) -> GoalResponse:
        now = self._now()
        while self._ended and now - self._ended[0] > RESULT_TIMEOUT * SECOND:
            self._ended.popleft()
        if len(self._ended) < MOST_RESULTS:
            return GoalResponse.ACCEPT
        self._logger.warning(
            f"{ACTION}: rejected, since {MOST_RESULTS} goals ended just now; ask less often",
            throttle_duration_sec=LOG_PERIOD,
        )
        return GoalResponse.REJECT

    async def _execute(self, handle: ServerGoalHandle) -> WaitForAction.Result:
        """Wait until a goal has its result, and return it."""
        goal = self._goal(handle.request)
        if not goal.result.done():
            self._add(goal, _Client(handle, monotonic()))
        result = await goal.result
        self._remove(goal)
        self._ended.append(self._now())
        if handle.is_cancel_requested and not result.seen:
            handle.canceled()
        elif result.seen:
            handle.succeed()
        else:
            if result.error_code != WaitForAction.Result.TIMEOUT:  # which is an answer
                self._logger.warning(f"{ACTION}: {result.error_msg}", throttle_duration_sec=LOG_PERIOD)
            handle.abort()
        return result

    def _now(self) -> int:
        """Return the time of the clock by which results are kept, nanoseconds."""
        return int(self._node.get_clock().now().nanoseconds)

    def _goal(self, request: WaitForAction.Goal) -> WaitGoal:
        """Return the goal that a client asks for; one that cannot wait has a result already."""
        executor = self._node.executor
        assert executor is not None  # it calls this
        goal = WaitGoal(Wanted.of(request, [self._full(topic) for topic in request.image_topics]), executor)
        watched = self._watched()
        if watched is None:
            goal.fail(WaitForAction.Result.NODE_INACTIVE, f"the node is not active; {ACTIVATE}")
        elif len(self._waiting) >= MOST_GOALS:
            goal.fail(WaitForAction.Result.TOO_MANY_GOALS, f"{MOST_GOALS} goals wait already; cancel one of them")
        else:
            try:
                goal.wanted.check(watched)
            except ConfigurationError as error:
                goal.fail(WaitForAction.Result.INVALID_GOAL, str(error))
        return goal

    def _full(self, topic: str) -> str:
        """Return a camera's full name; what is no name remains as it is, and no camera has it."""
        try:
            return str(self._node.resolve_topic_name(topic))
        except Exception:  # rcl's, of several types
            return topic

    def _add(self, goal: WaitGoal, client: _Client) -> None:
        self._waiting[goal] = client
        self._listen()
        self._timer.reset()

    def _remove(self, goal: WaitGoal) -> None:
        self._waiting.pop(goal, None)
        self._listen()
        if not self._waiting:
            self._timer.cancel()

    def _listen(self) -> None:
        self._events.listeners = tuple(self._waiting)

    def _tick(self) -> None:
        """Say how each goal stands, and end those that no longer wait."""
        watched, now = self._watched(), monotonic()
        for goal, client in list(self._waiting.items()):
            left = client.since + goal.wanted.timeout / SECOND - now
            if client.handle.is_cancel_requested:
                goal.finish(WaitForAction.Result())
            elif watched is None:
                goal.fail(WaitForAction.Result.NODE_INACTIVE, f"the node was deactivated; {ACTIVATE}")
            elif goal.wanted.cameras.isdisjoint(watched.cameras) and goal.wanted.cameras:
                cameras = ", ".join(sorted(goal.wanted.cameras))
                goal.fail(WaitForAction.Result.CAMERA_REMOVED, f"no images are taken from {cameras} any more")
            elif left <= 0:
                _time_out(goal, watched)
            elif now >= client.next_feedback:
                client.next_feedback += FEEDBACK_PERIOD
                client.handle.publish_feedback(_feedback(goal, left))


class _Client:
    """Who waits, and when they hear of it next; monotonic seconds."""

    def __init__(self, handle: ServerGoalHandle, since: float) -> None:
        self.handle = handle
        self.since = since
        self.next_feedback = since + FEEDBACK_PERIOD


def _feedback(goal: WaitGoal, left: float) -> WaitForAction.Feedback:
    """Say what is seen. left: seconds."""
    feedback = WaitForAction.Feedback(time_left=conversions.duration_message(round(left * SECOND)))
    if (found := goal.likeliest()) is not None:
        feedback.class_id, feedback.score = found.label, found.score
        feedback.image_topic, feedback.track_id = found.camera, found.person
    return feedback


def _time_out(goal: WaitGoal, watched: Watched) -> None:
    """End a goal whose time is over."""
    text = f"no such event within {goal.wanted.timeout / SECOND:g} s"
    cameras = [one for one in watched.cameras if goal.wanted.of_camera(one)]
    silent = [one for one in cameras if one not in goal.cameras]
    if silent:
        text += f"; nothing was heard of {', '.join(silent)}"
    goal.fail(WaitForAction.Result.TIMEOUT if len(silent) < len(cameras) else WaitForAction.Result.NO_ANSWER, text)

"""Clients of the action actions/wait_for, and what they see.

The network's class k is the brighter, the brighter frame k of four is: rising brightness is "fourth", falling "first".
"""

from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile

from har_ros.action import WaitForAction
from har_ros.msg import ActionEvent
from har_ros.nodes import wait_for

Goal, Result = WaitForAction.Goal, WaitForAction.Result
RISING = [20, 40, 60, 80, 100, 120, 140]
FALLING = [120, 100, 80, 60, 40, 20]
LONG = 600


class Client:
    """Sends goals as any program does."""

    def __init__(self, ros, name="/actions/wait_for"):
        self.ros = ros
        all_at_once = QoSProfile(depth=wait_for.MOST_GOALS)
        self.client = ActionClient(ros.node, WaitForAction, name, result_service_qos_profile=all_at_once)
        ros.until(self.client.server_is_ready, "the action server")

    def send(self, *class_ids, timeout=LONG, **fields):
        """Send a goal, which is accepted when this returns."""
        sent = Sent(self.ros)
        goal = Goal(class_ids=class_ids, timeout=seconds(timeout), **fields)
        future = self.client.send_goal_async(goal, feedback_callback=lambda said: sent.feedback.append(said.feedback))
        self.ros.until(future.done, "the answer to a goal")
        sent.handle = future.result()
        if sent.handle.accepted:
            sent.future = sent.handle.get_result_async()
        return sent


class Sent:
    def __init__(self, ros):
        self.ros = ros
        self.feedback = []
        self.handle = self.future = None

    def result(self):
        """Return the status and the result, once they are there."""
        self.ros.until(self.future.done, "the result of a goal")
        return self.future.result().status, self.future.result().result

    def refusal(self):
        status, result = self.result()
        assert (status, result.seen, result.event) == (GoalStatus.STATUS_ABORTED, False, ActionEvent())
        return result.error_code, result.error_msg


def seconds(value):
    return Duration(sec=int(value), nanosec=int(value % 1 * 1e9))

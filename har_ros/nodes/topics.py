"""Publishers and subscriptions whose QoS can be overridden by parameters, as ROS describes it (QoS overrides)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSDurabilityPolicy, QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from har_ros.errors import ConfigurationError, one_line

BEST_AVAILABLE = "best_available"
"""The reliability that the publishers offer, as ROS calls it."""
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)

_NO_POLICIES = ("INVALID", "AVOID_ROS_NAMESPACE_CONVENTIONS")
_EVERY_POLICY = [kind for name, kind in QoSPolicyKind.__members__.items() if name not in _NO_POLICIES]


def publisher(node: Node, message_type: Any, topic: str, qos: QoSProfile | int) -> Publisher:
    """Create a publisher; parameters `qos_overrides.<topic>.publisher.<policy>` replace `qos`.

    Raises ConfigurationError when they cannot work.
    """
    return _overridden(node.create_publisher, message_type, topic, qos, policies=_EVERY_POLICY)  # type: ignore[no-any-return]


def temporary_publisher(node: Node, message_type: Any, topic: str, qos: QoSProfile | int) -> Publisher:
    """Create a publisher that any thread may create and destroy, and of which nothing remains.

    QoS overrides would remain as parameters, and rclpy's executor fails when events that it waits for are destroyed
    on another thread.
    """
    events = PublisherEventCallbacks(use_default_callbacks=False)
    return node.create_publisher(message_type, topic, qos, event_callbacks=events)


def subscription(
    node: Node,
    message_type: Any,
    topic: str,
    callback: Callable[..., None],
    qos: QoSProfile,
    incompatible_qos: Callable[[Any], None],
    message_lost: Callable[[Any], None],
) -> Subscription:
    """Create a subscription whose callback takes serialized messages.

    The parameters `qos_overrides.<topic>.subscription.<policy>` replace `qos`; a reliability of BEST_AVAILABLE in them
    keeps that of `qos`. incompatible_qos, message_lost: what the middleware calls. Raises ConfigurationError when they
    cannot work.
    """
    policies = list(_EVERY_POLICY)
    if reliability_override(node, topic) == BEST_AVAILABLE:
        policies.remove(QoSPolicyKind.RELIABILITY)
    events = SubscriptionEventCallbacks(incompatible_qos=incompatible_qos, message_lost=message_lost)
    create = partial(node.create_subscription, event_callbacks=events, raw=True)
    return _overridden(create, message_type, topic, callback, qos, policies=policies)  # type: ignore[no-any-return]


def reliability_override(node: Node, topic: str) -> str:
    """Return the parameter `qos_overrides.<topic>.subscription.reliability`; BEST_AVAILABLE when it is not given.

    Raises ConfigurationError when it is no string.
    """
    name = f"qos_overrides.{node.resolve_topic_name(topic)}.subscription.reliability"
    if not node.has_parameter(name):
        described = ParameterDescriptor(description=f"Reliability for subscription `{topic}`", read_only=True)
        try:
            node.declare_parameter(name, BEST_AVAILABLE, described)
        except InvalidParameterTypeException as error:
            raise ConfigurationError(f"{one_line(error)}; give reliable, best_effort or best_available") from None
    return str(node.get_parameter(name).value).lower()


def _overridden(
    create: Callable[..., Any], message_type: Any, topic: str, *arguments: Any, policies: list[QoSPolicyKind]
) -> Any:
    *others, qos = arguments
    profile = QoSProfile(depth=qos) if isinstance(qos, int) else copy.copy(qos)  # rclpy writes the overrides into it
    try:
        overriding = QoSOverridingOptions(policies)
        return create(message_type, topic, *others, profile, qos_overriding_options=overriding)
    except (RuntimeError, ValueError, TypeError, AssertionError, InvalidParameterTypeException) as error:
        raise ConfigurationError(
            f"{topic} cannot be used ({one_line(error)}); check its name and the parameters qos_overrides.{topic}"
        ) from None

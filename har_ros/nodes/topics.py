"""Publishers and subscriptions whose QoS can be overridden by parameters, as ROS describes it (QoS overrides)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSDurabilityPolicy, QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from har_ros.errors import ConfigurationError, one_line

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)

_NO_POLICIES = ("INVALID", "AVOID_ROS_NAMESPACE_CONVENTIONS")
_EVERY_POLICY = [kind for name, kind in QoSPolicyKind.__members__.items() if name not in _NO_POLICIES]


def publisher(node: Node, message_type: Any, topic: str, qos: QoSProfile | int) -> Publisher:
    """Create a publisher; parameters `qos_overrides.<topic>.publisher.<policy>` replace `qos`.

    Raises ConfigurationError when they cannot work.
    """
    return _overridden(node.create_publisher, message_type, topic, qos)  # type: ignore[no-any-return]


def subscription(
    node: Node, message_type: Any, topic: str, callback: Callable[[Any], None], qos: QoSProfile
) -> Subscription:
    """Create a subscription; parameters `qos_overrides.<topic>.subscription.<policy>` replace `qos`.

    Raises ConfigurationError when they cannot work.
    """
    return _overridden(node.create_subscription, message_type, topic, callback, qos)  # type: ignore[no-any-return]


def _overridden(create: Callable[..., Any], message_type: Any, topic: str, *arguments: Any) -> Any:
    *others, qos = arguments
    profile = QoSProfile(depth=qos) if isinstance(qos, int) else copy.copy(qos)  # rclpy writes the overrides into it
    try:
        overriding = QoSOverridingOptions(_EVERY_POLICY)
        return create(message_type, topic, *others, profile, qos_overriding_options=overriding)
    except (RuntimeError, ValueError, TypeError, AssertionError, InvalidParameterTypeException) as error:
        raise ConfigurationError(
            f"{topic} cannot be used ({one_line(error)}); check its name and the parameters qos_overrides.{topic}"
        ) from None

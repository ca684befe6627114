"""Declares the nodes' parameters with rclpy."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    InvalidTopicNameException,
)
from rclpy.node import Node
from rclpy.validate_topic_name import validate_topic_name

from har_ros.errors import ConfigurationError
from har_ros.parameter import Parameter, unknown_names


def declare(node: Node, table: tuple[Parameter, ...], read_only: bool = True) -> dict[str, Any]:
    """Declare the table's parameters on the node and return their values. Raises ConfigurationError."""
    given = getattr(node, "_parameter_overrides", {})  # rclpy has no public list of what is not declared
    for name in unknown_names(given, table):
        node.get_logger().warning(f"parameter {name!r} is unknown and left out")
    return {parameter.name: _declare(node, parameter, read_only) for parameter in table}


def descriptor(parameter: Parameter, read_only: bool) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows; rclpy enforces type and range."""
    when = "can change at run time" if parameter.at_run_time else "read when the node is configured"
    descriptor = ParameterDescriptor(
        name=parameter.name,
        description=parameter.description,
        additional_constraints=parameter.expected if read_only else f"{parameter.expected}; {when}",
        read_only=read_only,
        dynamic_typing=parameter.any_type,
    )
    if isinstance(parameter.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=parameter.low, to_value=parameter.high)]
    elif isinstance(parameter.default, int) and parameter.low is not None:
        descriptor.integer_range = [
            IntegerRange(from_value=parameter.low, to_value=parameter.high, step=parameter.step)
        ]
    return descriptor


def resolved_topics(node: Node, given: list[str]) -> dict[str, str]:
    """Return the topics of the parameter image_topics: full names, remapped → names as given, for rclpy to remap.

    Raises ConfigurationError when it has none or wrong ones.
    """
    if not given:
        raise ConfigurationError(
            "parameter image_topics is empty; name one camera topic or more, such as [/cam01/image_raw]"
        )
    for topic in given:
        try:
            validate_topic_name(topic)
        except InvalidTopicNameException:
            raise ConfigurationError(
                f"parameter image_topics has {topic!r}; a topic is made of letters, digits, '_' and '/', "
                "and no part of it begins with a digit"
            ) from None
    topics = [node.resolve_topic_name(topic) for topic in given]
    if repeated := [topic for topic, count in Counter(topics).items() if count > 1]:
        raise ConfigurationError(f"parameter image_topics names {repeated[0]} more than once; name it once")
    return dict(zip(topics, given, strict=True))


def _declare(node: Node, parameter: Parameter, read_only: bool) -> Any:
    try:
        described = descriptor(parameter, read_only)
        value = node.declare_parameter(parameter.name, parameter.default, described).value
    except (InvalidParameterTypeException, InvalidParameterValueException):
        anything = ParameterDescriptor(dynamic_typing=True)
        value = node.declare_parameter(parameter.name, None, anything).value
        raise ConfigurationError(f"parameter {parameter.name} is {value!r}; give {parameter.expected}") from None
    return parameter.read(value)

"""Every parameter of the nodes, in one table each; values are checked when the node starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, get_args

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    InvalidTopicNameException,
)
from rclpy.node import Node
from rclpy.validate_topic_name import validate_topic_name

from har_ros.backends import BACKENDS, Device, Precision
from har_ros.errors import ConfigurationError
from har_ros.models.locate import card_names

Value = str | int | float | bool | list[str]


@dataclass(frozen=True)
class Parameter:
    """One row of a table. `low` and `high` bound a number, both included; `choices` a string."""

    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        kinds = {bool: "true or false", int: "a whole number", float: "a number with a decimal point", str: "a string"}
        text = kinds.get(type(self.default), "a list of strings, such as [/cam01/image_raw]")
        if self.choices:
            text = f"one of {', '.join(self.choices)}"
        return text if self.low is None else f"{text} from {self.low} to {self.high}"

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows; rclpy enforces type and range."""
        descriptor = ParameterDescriptor(
            name=self.name, description=self.description, additional_constraints=self.expected, read_only=True
        )
        if isinstance(self.default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high)]
        elif isinstance(self.default, int) and self.low is not None:
            descriptor.integer_range = [IntegerRange(from_value=self.low, to_value=self.high, step=1)]
        return descriptor


ACTIONNET = (
    Parameter("image_topics", ["image_raw"], "Camera topics (sensor_msgs/Image); each has a window of its own."),
    Parameter(
        "model",
        "i3d-kinetics-400",
        f"The network: a model card's name ({', '.join(card_names())}), or the path of a card or of a network file.",
    ),
    Parameter("labels", "", "A file with a class name per line; empty: the card's. A network without card needs it."),
    Parameter("input_blob", "", "Name of the network's input tensor; empty: the card's, or the only one."),
    Parameter("output_blob", "", "Name of the network's output tensor; empty: the card's, or the only one."),
    Parameter(
        "backend",
        "auto",
        "What runs the network; auto: TensorRT where there is a GPU for it, else OpenVINO.",
        choices=("auto", *BACKENDS),
    ),
    Parameter(
        "precision",
        "auto",
        "Of the arithmetic; auto: what is fast here (TensorRT f16, OpenVINO what the device has).",
        choices=get_args(Precision),
    ),
    Parameter("device", "CPU", "What OpenVINO runs on.", choices=get_args(Device)),
    Parameter("max_batch", 4, "Number of cameras' windows that TensorRT runs at once, at most.", 1, 64),
    Parameter("cpu_while_building", False, "Let OpenVINO serve while TensorRT builds an engine, which takes minutes."),
    Parameter("frames", 0, "Number of frames in a window; 0: what the model's card says.", 0, 1024),
    Parameter(
        "skip_frames",
        -1,
        "Frames left out between two that enter the window (1: every other frame enters); -1: what the card says.",
        -1,
        1000,
    ),
    Parameter(
        "max_gap", 2.0, "Seconds without a frame after which a camera's window starts anew; 0: never.", 0.0, 3600.0
    ),
    Parameter("threshold", 0.01, "Classes whose probability is below it are left out of /actions.", 0.0, 1.0),
    Parameter("top_k", 5, "Number of classes in a message, at most.", 1, 1000),
)

VIDEO_SOURCE = (
    Parameter("videos", [""], "Video files; each becomes a camera."),
    Parameter(
        "image_topics",
        [""],
        "A topic for each video; when empty they are /cam01/image_raw, /cam02/image_raw and so on.",
    ),
    Parameter("rate", 0.0, "Images per second of each camera; 0: the fastest video's own rate.", 0.0, 240.0),
    Parameter("max_side", 0, "Scale the images so that the longer side has this many pixels; 0: as they are.", 0, 8192),
)


def declare(node: Node, table: tuple[Parameter, ...]) -> dict[str, Any]:
    """Declare the table's parameters on the node and return their values. Raises ConfigurationError."""
    return {parameter.name: _declare(node, parameter) for parameter in table}


def resolved_topics(node: Node, given: list[str] | None) -> list[str]:
    """Return the full names of the parameter image_topics. Raises ConfigurationError when it has none or wrong ones."""
    if not given or not all(given):
        raise ConfigurationError(
            f"parameter image_topics is {given or 'empty'}; name one camera topic or more, such as [/cam01/image_raw]"
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
    return topics


def _declare(node: Node, parameter: Parameter) -> Value:
    try:
        value: Value = node.declare_parameter(parameter.name, parameter.default, parameter.descriptor()).value
    except (InvalidParameterTypeException, InvalidParameterValueException):
        anything = ParameterDescriptor(dynamic_typing=True)
        value = node.declare_parameter(parameter.name, None, anything).value
        raise ConfigurationError(f"parameter {parameter.name} is {value!r}; give {parameter.expected}") from None
    if parameter.choices and value not in parameter.choices:
        raise ConfigurationError(f"parameter {parameter.name} is {value!r}; give {parameter.expected}")
    return value

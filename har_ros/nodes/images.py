"""Subscriptions to images: reliable where the publishers offer it, a short queue, and a count of what was lost."""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, QoSReliabilityPolicy, qos_check_compatible
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from har_ros.frames.arrivals import Arrivals
from har_ros.frames.cdr import read_encoded_image
from har_ros.frames.compressed import AnyImage
from har_ros.nodes import topics
from har_ros.nodes.conversions import camera_image
from har_ros.nodes.image_messages import Taken, take_image
from har_ros.nodes.wait_sets import TakeOne, take_directly, take_one, take_waiting

TRANSPORTS: dict[str, tuple[Any, str, TakeOne, Callable[[Any], AnyImage]]] = {
    "raw": (Image, "", take_image, camera_image),
    "compressed": (CompressedImage, "/compressed", take_one, read_encoded_image),
}
"""image_transport → the message's type, the suffix of the topic's name, what takes a message, and what reads it."""
QUEUE = 5
"""Images that wait for the node; a newer one replaces the oldest."""
BATCH, LONGEST_REST = 4, 0.2
"""About how many images are taken at once from a camera that rests: fewer than QUEUE; the longest rest, in seconds."""
LOG_PERIOD = 5.0
"""Seconds between two warnings about the same camera."""
LOOK_PERIOD, EARLY_PERIOD = 1.0, 0.1
"""Seconds between two looks at what the publishers offer, and where no image has come yet."""

RELIABLE, BEST_EFFORT = QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT
PAGE = "docs/how-to/images-at-full-rate.md"
REMEDIES = {
    BEST_EFFORT: f"make their publisher reliable, or start it with shared memory ({PAGE})",
    RELIABLE: "this machine or the network is too slow: send fewer or smaller images, or start their publisher with "
    f"shared memory ({PAGE})",
}
"""What helps when images are lost."""


class ImageSubscription:
    """Images of one camera.

    A reliable subscription gets nothing from a best-effort publisher, and a best-effort one loses images. So it is
    reliable as long as all publishers are, or there is none, and subscribes again when that changes. The parameter
    qos_overrides.<topic>.subscription.reliability overrides this.
    """

    def __init__(self, node: Node, topic: str, transport: str, on_images: Callable[[list[Taken]], None]) -> None:
        """topic: the camera's, which may be remapped.

        on_images: takes the messages that have come, the oldest first, which `read` reads.

        Raises ConfigurationError when QoS overrides cannot work.
        """
        self._message_type, self._suffix, self._take_one, self.read = TRANSPORTS[transport]
        self.type = f"sensor_msgs/msg/{self._message_type.__name__}"
        self.arrivals = Arrivals()
        self._node = node
        self._on_images = on_images
        self._last_take = -math.inf
        self._interval = 0.0  # seconds between two images, of those taken last
        self._next_look = 0.0  # at the publishers, where no executor does; monotonic seconds
        self._rested = False  # and so may have let some go that nobody missed
        # With a suffix, the name that the camera's topic was remapped to; else rclpy remaps it, which it does once.
        self._topic = node.resolve_topic_name(topic, only_expand=not self._suffix) + self._suffix
        self._adapts = topics.reliability_override(node, self._topic) == topics.BEST_AVAILABLE
        self.reliability = self._offered()
        self._subscription: Subscription | None = self._subscribe()
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self._timer = node.create_timer(LOOK_PERIOD, self._look, clock=steady)

    @property
    def losses(self) -> str:
        """How many images were lost in the last seconds, with the remedy; empty: none were."""
        found = self.arrivals.shortfall(time.monotonic())
        if found is None:
            return ""
        return f"{found}; {REMEDIES[self.reliability]}"

    @property
    def topic(self) -> str:
        """Full name of the topic that is subscribed to."""
        return self._node.resolve_topic_name(self._topic)

    def hindrance(self) -> str:
        """Return why no image arrives, as far as the topic's publishers show."""
        publishers = self._node.get_publishers_info_by_topic(self._topic)
        types = {info.topic_type for info in publishers}
        if not types:
            return f"nobody publishes {self.topic}{self._meant()}"
        if self.type not in types:
            return f"{self.topic} is {', '.join(sorted(types))}, not {self.type}; check image_transport"
        own = self._subscription.qos_profile if self._subscription else QoSProfile(depth=QUEUE)
        for info in publishers:
            compatibility, reason = qos_check_compatible(info.qos_profile, own)
            if compatibility == QoSCompatibility.ERROR:
                what = reason.removeprefix("ERROR: ").rstrip("; ")
                return f"{self.topic} has a publisher whose QoS does not fit ({what}); check qos_overrides"
        return f"{self.topic} has a publisher, but no image has come"

    def _meant(self) -> str:
        """Return a question for a similar topic of images that others publish and this node does not use."""
        node = self._node
        names = [name for name, types in node.get_topic_names_and_types() if self.type in types]
        for name in difflib.get_close_matches(self.topic, names, 5, cutoff=0.85):  # many end with /image_raw
            publishers = node.get_publishers_info_by_topic(name)
            users = [*publishers, *node.get_subscriptions_info_by_topic(name)]
            own = (node.get_name(), node.get_namespace())
            if publishers and own not in [(info.node_name, info.node_namespace) for info in users]:
                return f"; did you mean {name.removesuffix(self._suffix)}?"
        return ""

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_timer(self._timer)
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            # else it and the camera, with its window, hold each other until garbage is collected
            self._on_images = _ignore

    @property
    def pause(self) -> float:
        """Seconds that a rest takes: BATCH - 1 intervals between two images."""
        return min((BATCH - 1) * self._interval, LONGEST_REST)

    def rest(self) -> None:
        """Let the next images wait for a pause, after which three or four are taken at once."""
        self._direct.rests_until = time.monotonic_ns() + round(self.pause * 1e9)
        self._rested = True

    def _subscribe(self) -> Subscription:
        profile = QoSProfile(depth=QUEUE, reliability=self.reliability)
        numbered = hasattr(Subscription, "CallbackType")  # from Iron on
        callback = self._on_message if numbered else partial(self._on_message, info={})
        subscription = topics.subscription(
            self._node,
            self._message_type,
            self._topic,
            callback,
            profile,
            incompatible_qos=self._on_incompatible,
            message_lost=self._on_lost,
        )
        self._direct = take_directly(subscription, self.take, QUEUE, self._take_one)
        return subscription

    def _offered(self) -> QoSReliabilityPolicy:
        infos = self._node.get_publishers_info_by_topic(self._topic)
        offered = [info.qos_profile.reliability for info in infos if info.topic_type == self.type]
        return RELIABLE if all(reliability == RELIABLE for reliability in offered) else BEST_EFFORT

    def _look(self) -> None:
        if self._subscription is None or not self._adapts or (offered := self._offered()) == self.reliability:
            return
        self.reliability = offered
        self._node.destroy_subscription(self._subscription)
        self._subscription = self._subscribe()

    def _on_incompatible(self, event: Any) -> None:
        self._look()

    def _on_message(self, message: bytes, info: dict[str, Any]) -> None:
        self.take([(message, info)])

    def take_waiting(self) -> None:
        """Take what has come, for as long as no executor does."""
        now = time.monotonic()
        if self._last_take == -math.inf and now >= self._next_look:  # publishers that were not known yet
            self._next_look = now + EARLY_PERIOD
            self._look()
        if self._subscription is not None:
            take_waiting(self._subscription)

    def take(self, messages: list[tuple[Taken, dict[str, Any]]]) -> None:
        """Take messages that have come, the oldest first, each with what the middleware knows of it."""
        now = time.monotonic()
        interval = (now - self._last_take) / len(messages)
        if len(messages) < QUEUE:
            self._interval = interval
        else:  # there may have been more
            self._interval = min(self._interval, interval)
            if self._rested:
                self.arrivals.forget()
        self._last_take, self._rested = now, False
        for _, info in messages:
            self.arrivals.arrive(now, info.get("publication_sequence_number"))
        self._on_images([message for message, _ in messages])

    def _on_lost(self, event: Any) -> None:
        self.arrivals.lose(time.monotonic(), event.total_count_change)


def _ignore(_: Any) -> None:
    """What a closed subscription does with an image that was on its way."""

"""One image topic of the actionnet node, from the callback to the window, and its counters."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from rclpy.node import Node

from har_ros.errors import error_text
from har_ros.frames.compressed import AnyImage
from har_ros.frames.sampling import SECOND
from har_ros.msg import ActionWindow
from har_ros.nodes import conversions
from har_ros.nodes.events import StreamEvents
from har_ros.nodes.follower import Follower, Watch
from har_ros.nodes.image_messages import Taken
from har_ros.nodes.images import LOG_PERIOD, ImageSubscription
from har_ros.nodes.output import Output
from har_ros.nodes.overlay import Overlay
from har_ros.nodes.worker import Subject
from har_ros.pipeline.events import UNSEEN
from har_ros.pipeline.people import Person
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.scheduler import Scheduler
from har_ros.pipeline.scores import Prediction
from har_ros.pipeline.stream import Stream


class Camera:
    """Subscribes to `topic`, fills `stream`, and offers itself to the scheduler whenever a new window is ready.

    overlay: where its annotated images go, see `draw_on`.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        transport: str,
        stream: Stream | None,
        scheduler: Scheduler[Subject],
        output: Output,
        labels: tuple[str, ...],
    ) -> None:
        """stream: None: whole images are left out. labels: of the network.

        Raises ConfigurationError when QoS overrides cannot work.
        """
        self._stream = stream
        self.prediction: Prediction | None = None
        self.frames = 0
        self.frames_broken = 0
        self.frames_unstamped = 0
        self.windows = 0
        self.windows_failed = 0
        self.age = 0.0  # of the newest frame of the last result at its publication, seconds
        self.last_arrival: float | None = None  # of any image, monotonic seconds
        self.image_error, self.window_error = "", ""  # empty as soon as the next image or window is fine
        self.subscribed_at = time.monotonic()
        self.topic = node.resolve_topic_name(topic)
        self._node = node
        self._scheduler = scheduler
        self._output = output
        self._events = StreamEvents(output.events, self.topic, labels)
        self._next_warning = 0.0
        self.watch: Watch | None = None  # for people in its images
        self.overlay: Overlay | None = None
        self._drawn = False  # the last image was, since somebody looks at them
        self.subscription = ImageSubscription(node, topic, transport, self.take)

    @property
    def whole(self) -> bool:
        """Whether whole images are recognised."""
        return self._stream is not None

    @property
    def stream(self) -> Stream:
        """Their window; ask `whole` first."""
        assert self._stream is not None
        return self._stream

    def take(self, messages: Sequence[Taken]) -> None:
        """Take the topic's next images, the oldest first.

        Those of an idle camera come a few at once: where nothing moves in the newest, the others are left out unread.
        Any error in the rest is counted and reported, and the node continues.
        """
        self.last_arrival = time.monotonic()
        if len(messages) > 1 and self._rests and self._take(messages[-1], still=len(messages)):
            self.frames += len(messages) - 1
        else:
            for message in messages:
                self._take(message)
        if self._rests:
            self.subscription.rest()

    @property
    def _rests(self) -> bool:
        """Whether nobody needs each image: nothing moves, nobody looks, and the images say when they were taken."""
        return self.whole and self.stream.idle and not (self._drawn or self.watch or self.frames_unstamped)

    def _take(self, message: Taken, still: int = 0) -> bool:
        """Take an image. Returns whether it could be taken.

        still: take it in place of so many, of which it is the newest; leave it for later where something moves in it,
        or where it is broken.
        """
        try:
            image = self._stamped(self.subscription.read(message))
            offered = self.whole and (self.stream.push_still(image, still) if still else self.stream.push(image))
            if offered is None:
                return False
            if offered:
                self._scheduler.offer(self, self.stream.idle)
            if self.watch is not None:
                self.watch.offer(image)  # drawn when it is known who is in it
            else:
                self.draw(image)
            self.frames += 1
            self.image_error = ""
            return True
        except Exception as error:
            if still or not self._node.context.ok():
                return False
            self.frames_broken += 1
            self.image_error = f"{self.frames_broken} broken images so far, the last: {error_text(error)}"
            self._warn(self.image_error)
            return False

    def draw(self, image: AnyImage, people: Sequence[Person] = ()) -> None:
        """Publish the image with these people and the newest prediction drawn in, if somebody looks at it."""
        self._drawn = self.overlay is not None and self.overlay.watched
        if self.overlay is not None and self._drawn:
            self.overlay.publish(image, self._said(), people)

    def _said(self) -> Prediction | str | None:
        """Return what to draw of the whole image: the newest prediction, or how far the window is filled."""
        if not self.whole:
            return None
        filling = self.prediction is None or self.stream.fill < self.stream.length
        return f"warming up {self.stream.fill}/{self.stream.length}" if filling else self.prediction

    def _stamped(self, image: AnyImage) -> AnyImage:
        """Give an image that its driver does not stamp the time of arrival, the best substitute."""
        if image.stamp:
            return image
        self.frames_unstamped += 1
        return dataclasses.replace(image, stamp=self._node.get_clock().now().nanoseconds)

    @property
    def frames_dropped(self) -> int:
        """Images that did not enter the window: broken, overtaken by a newer one, or sent twice."""
        left_out = self.stream.frames_overtaken + self.stream.frames_repeated if self.whole else 0
        return self.frames_broken + left_out

    def draw_on(self, overlay: Overlay | None) -> None:
        """Publish annotated images there from now on, or nowhere."""
        if self.overlay is not None and self.overlay is not overlay:
            self.overlay.close()
        self.overlay = overlay

    def follow(self, follower: Follower) -> None:
        """Let it look for people in the images from now on."""
        self.watch = Watch(self._node, self.topic, follower, self.draw)

    def close(self) -> None:
        """Unsubscribe."""
        self.subscription.close()
        self._events.close()
        self.draw_on(None)
        if self.watch is not None:
            self.watch.close()

    @property
    def last_error(self) -> str:
        """What is wrong with its windows, its images or its people; empty: all is fine."""
        return self.window_error or self.image_error or (self.watch.last_error if self.watch is not None else "")

    def succeed(self, result: Result) -> None:
        """Publish what was seen in a window, and its evidence."""
        header = conversions.header(result.end, result.frame_id)
        self._output.actions.publish(conversions.classification(header, result.prediction.accepted))
        age = self._node.get_clock().now().nanoseconds - result.end
        evidence = ActionWindow(
            image_topic=self.topic,
            windows_dropped=self.stream.windows_dropped,
            frames_dropped=self.frames_dropped,
            idle=result.idle,
            windows_idle=self.stream.windows_idle,
            **conversions.evidence(header, result, age),
        )
        self._output.windows.publish(evidence)
        self.prediction, self.age, self.window_error = result.prediction, age / SECOND, ""
        self.windows += 1
        self._events.take(result)

    @property
    def _silent(self) -> bool:
        """Whether there were images, and for a while there has been none."""
        return self.last_arrival is not None and time.monotonic() - self.last_arrival > UNSEEN

    def begin(self) -> None:
        """Begin to count windows; its network is loaded now."""
        self.stream.begin(self._silent)

    def end_events(self) -> None:
        """End the events of a camera that has been silent for a while, and those of its people."""
        if self._silent:
            self._events.pause()
            if self.watch is not None:
                self.watch.end_events()

    def fail(self, text: str) -> None:
        """Take note that a window had no answer."""
        if not self._node.context.ok():  # it could not be published, because the node ends
            return
        self.windows_failed += 1
        self.window_error = f"no action for this window: {text}"
        self._warn(self.window_error)

    def _warn(self, text: str) -> None:
        """Log the text unless there was a warning just now."""
        if (now := time.monotonic()) >= self._next_warning:
            self._next_warning = now + LOG_PERIOD
            self._node.get_logger().warning(f"{self.topic}: {text}")

"""Plays videos as cameras: in real time, in a loop, all in step."""

from __future__ import annotations

from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from har_ros.errors import ConfigurationError, counted
from har_ros.nodes import parameters
from har_ros.nodes.conversions import image_message
from har_ros.nodes.run import Program, run
from har_ros.nodes.usage import check_arguments
from har_ros.recordings.video import Video, default_topics
from har_ros.settings import VIDEO_SOURCE


class VideoSource(Program):
    """One topic per video; images of the same moment have the same stamp."""

    def __init__(self, **options: Any) -> None:
        """Options go to rclpy's Node."""
        super().__init__("video_source", **options)
        self._cameras: list[tuple[Video, Publisher, str]] = []

    def start(self) -> None:
        """Open the videos and begin to play them."""
        values = parameters.declare(self, VIDEO_SOURCE)
        videos = values["videos"]
        if not videos:
            raise ConfigurationError("parameter videos is empty; name one video file or more, such as [a.mp4, b.mp4]")
        given = values["image_topics"] or default_topics(len(videos))
        topics = parameters.resolved_topics(self, given)
        if len(topics) != len(videos):
            raise ConfigurationError(
                f"parameter image_topics names {counted(len(topics), 'topic')} for {counted(len(videos), 'video')}; "
                "name one each, or none"
            )
        for path, (topic, name) in zip(videos, topics.items(), strict=True):
            self._open(path, topic, name, values["max_side"], values["rate"])
        rate = values["rate"] or max(video.fps for video, _, _ in self._cameras)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._began = self._steady.now()
        self.create_timer(1 / rate, self._publish, clock=self._steady)

    def _open(self, path: str, topic: str, name: str, max_side: int, rate: float) -> None:
        """topic: its full name. name: as given, which rclpy remaps. rate: images per second at most, 0: all."""
        video = Video(path, max_side)
        publisher = self.create_publisher(Image, name, QoSProfile(depth=2))
        height, width = video.size
        frame_id = topic.strip("/").rpartition("/")[0] or "camera"
        self._cameras.append((video, publisher, frame_id))
        fps = min(video.fps, rate or video.fps)
        self.get_logger().info(f"{path} plays on {publisher.topic_name}, {width}x{height} at {fps:g} fps")

    def _publish(self) -> None:
        seconds = (self._steady.now() - self._began).nanoseconds / 1e9
        stamp = self.get_clock().now().to_msg()
        for video, publisher, frame_id in self._cameras:
            if (frame := video.at(seconds)) is not None:
                publisher.publish(image_message(frame, "bgr8", Header(stamp=stamp, frame_id=frame_id)))


def main(arguments: list[str] | None = None) -> int:
    """Run the node; returns the exit status."""
    check_arguments("video_source", __doc__, VIDEO_SOURCE, arguments)
    return run(VideoSource, arguments)

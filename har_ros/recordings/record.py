"""Videos → a bag with a camera topic for each, so that anyone can try a bag without a robot."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from har_ros.errors import ConfigurationError, VideoError, counted
from har_ros.frames.sampling import SECOND
from har_ros.recordings.bag_writer import BagWriter
from har_ros.recordings.source import open_source
from har_ros.recordings.video import default_topics
from har_ros.recordings.watching import readable

BEGIN = 1_000_000_000 * SECOND
"""Stamp of the first image: the same videos make the same bag. ROS takes 0 for "not stamped"."""


def record(
    videos: Sequence[str],
    output: Path,
    topics: Sequence[str] = (),
    *,
    raw: bool = False,
    seconds: float = 0.0,
    max_side: int = 0,
    console: Console,
) -> None:
    """Write a bag. Raises HarError; then nothing of it stays, except where a video cannot be read as a whole.

    topics: one for each video, /cam01/image_raw and so on where none are given. raw: pixels instead of JPEG, which
    goes to <topic>/compressed. seconds: loop the videos for this long, 0: once. max_side: scale images down
    until their longer side has this many pixels, 0: not at all.
    """
    topics = list(topics) or default_topics(len(videos))
    if len(topics) != len(videos):
        raise ConfigurationError(
            f"{counted(len(topics), 'topic')} for {counted(len(videos), 'video')}; name one each, or none"
        )
    if len(set(topics)) != len(topics):
        raise ConfigurationError(f"topics {', '.join(topics)} are not all different; name each once")
    sources = [open_source(video) for video in videos]
    if live := [source.name for source in sources if source.live]:
        raise ConfigurationError(f"{live[0]} is no file; record cameras with: ros2 bag record")
    total = sum(round(seconds * source.rate) if seconds else source.count for source in sources)
    with BagWriter(output) as bag, Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("recording", total=total)
        failures = dict[str, VideoError]()
        frames = [_frames(number, video, seconds, failures) for number, video in enumerate(videos)]
        for stamp, number, pixels in heapq.merge(*frames, key=lambda frame: frame[:2]):
            topic, time = topics[number], BEGIN + stamp
            frame_id = topic.strip("/").rpartition("/")[0] or "camera"
            if raw:
                bag.image(topic, time, _scaled(pixels, max_side), "bgr8", time, frame_id)
            else:
                bag.jpeg(topic, time, _scaled(pixels, max_side), time, frame_id)
            progress.advance(task)
    if failures:
        raise VideoError("; ".join(map(str, failures.values())))


def _frames(
    number: int, video: str, seconds: float, failures: dict[str, VideoError]
) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Yield stamp from 0 on (nanoseconds), number, and pixels. failures: see readable, of each video."""
    index = 0
    while True:
        source, found = open_source(video), list[VideoError]()
        for frame in readable(source, found):
            index += frame.lost
            stamp = round(index / source.rate * SECOND)
            if seconds and stamp >= seconds * SECOND:
                return
            yield stamp, number, frame.pixels
            index += 1
        failures.update((video, error) for error in found)
        if not seconds:
            return


def _scaled(pixels: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = max_side / max(height, width) if max_side else 1.0
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

"""What happens to an image on the host, beside one cv2.resize of it and beside the peers' ways."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message

from figures import Figure, ratio
from har_ros.backends.backend import BackendSettings
from har_ros.frames.sampling import StreamSettings
from har_ros.nodes.conversions import camera_image, header, image_message
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.stream import Stream
from inputs import HEIGHT, WIDTH
from part import Bench, Figures
from timing import median_time
from without_ros import MODEL

REPETITIONS = 200
FRAME = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def host_time(bench: Bench) -> Figures:
    """Time of all that happens to an image on the host, over that of one cv2.resize of it to the same size."""
    slot = np.empty((224, 224, 3), np.uint8)
    with Recognizer.open(MODEL, BackendSettings("openvino")) as recognizer:
        stream = recognizer.stream(StreamSettings(skip_frames=0))
    stamps = count(1)
    pushes = {encoding: _push(stream, encoding, stamps) for encoding in ("rgb8", "bgr8")}
    while True:
        resize = median_time(lambda: cv2.resize(FRAME, (224, 224), dst=slot), REPETITIONS)
        yield [
            ratio(
                f"host time per {encoding} frame / one cv2.resize of it",
                median_time(push, REPETITIONS),
                resize,
                "µs",
                times=1e6,
                aim="1.2",
            )
            for encoding, push in pushes.items()
        ]


def _push(stream: Stream, encoding: str, stamps: Iterator[int]) -> Callable[[], object]:
    """Return what brings an image from its message into the stream. stamps: of all its images, or they are left out."""
    message = serialize_message(image_message(FRAME, encoding, header(0, "camera")))
    return lambda: stream.push(replace(camera_image(message), stamp=next(stamps)))


def peers_ways(bench: Bench) -> Figures:
    """Time per bgr8 frame until a window of 64 stands ready for a network, as the peers do it, over ours.

    Each begins with the same resize into 224×224 RGB. As found: the window holds float32 (actionNet, OpenDR). Kindly:
    it holds uint8, as ours does.
    """
    with Recognizer.open(MODEL, BackendSettings("openvino")) as recognizer:
        push = _push(recognizer.stream(StreamSettings(skip_frames=0)), "bgr8", count(1))
    ways = {
        f"the window {name} for every frame, {kind} / ours": way
        for kind, dtype in (("uint8", np.uint8), ("float32", np.float32))
        for name, way in (("stacked", _stack(dtype)), ("shifted", _shift(dtype)))
    }
    while True:
        ours = median_time(push, REPETITIONS)
        yield [_over(name, way, ours) for name, way in ways.items()]


def _over(name: str, way: Callable[[], object], ours: float) -> Figure:
    return ratio(name, median_time(way, 40), ours, "ms", times=1e3, aim="5")


def _small(dtype: type) -> NDArray[Any]:
    rgb = cv2.cvtColor(cv2.resize(FRAME, (224, 224)), cv2.COLOR_BGR2RGB)
    return np.asarray(rgb, dtype)


def _stack(dtype: type) -> Callable[[], object]:
    frames = deque([_small(dtype)] * 64, maxlen=64)

    def stack() -> None:
        frames.append(_small(dtype))
        np.stack(frames)

    return stack


def _shift(dtype: type) -> Callable[[], object]:
    window: NDArray[Any] = np.zeros((64, 224, 224, 3), dtype)

    def shift() -> None:
        window[:-1] = window[1:]
        window[-1] = _small(dtype)

    return shift

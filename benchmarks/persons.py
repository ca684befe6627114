"""What following people costs: the pose network, and all around it, on the demo's man and on eight of him."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from demo import demo_videos
from har_ros.frames.letterbox import write_letterboxed
from har_ros.frames.pixels import CameraImage, Pixels
from har_ros.persons.crops import Square
from har_ros.persons.decode import DECODERS
from har_ros.persons.estimator import PoseEstimator
from har_ros.persons.tracks import Tracker
from inputs import CAMERAS, RATE, sequence_network
from measure import Setting, measure
from without_ros import Row, rate_of

POSE_MODEL = "movenet-multipose"
SIZES = (256, 384)
CROP = 224


def people(seconds: float) -> list[Row]:
    """Images per second of pose and tracking over those of the bare pose network, and the parts."""
    man = _man(640, 480)
    crowd = np.concatenate([np.concatenate([man] * 4, axis=1)] * 2)
    rows = []
    for size in SIZES:
        with PoseEstimator.open(POSE_MODEL, size=size) as estimator:
            rows += [_around(estimator, man, size, seconds), *_parts(estimator, crowd, size)]
    return rows


def people_of_cameras(small: Path, folder: Path, seconds: float) -> list[Row]:
    """Four cameras with two people each, beside a network for whole images that costs next to nothing."""
    picture = folder / "two.png"
    cv2.imwrite(str(picture), np.concatenate([_man(640, 480)] * 2, axis=1))
    network = sequence_network(folder)
    found = measure(Setting(CAMERAS, str(small), picture=picture, persons=str(network)), seconds)
    slowest = min(found.people, default=0.0)
    what = f"{CAMERAS} cameras of two people at {RATE:.0f} images/s, skeletons"
    return [
        (f"{what}: windows/s of the {len(found.people)} people, the slowest", f"{slowest:.2f}", "3"),
        (f"{what}: images searched for people", f"{found.searched:.1f} of {CAMERAS * RATE:.0f}/s", ""),
        (f"{what}: CPU", f"{found.cpu * found.frames:.2f} cores", ""),
    ]


def _man(height: int, width: int) -> Pixels:
    """Return the first image of the demo."""
    _, pixels = cv2.VideoCapture(demo_videos()[0]).read()
    return np.asarray(cv2.resize(pixels, (width, height)), np.uint8)


def _around(estimator: PoseEstimator, pixels: Pixels, size: int, seconds: float) -> Row:
    slot, tracker, image = np.zeros(estimator.shape, np.uint8), Tracker(), CameraImage.of_array(pixels, 0)

    def follow() -> None:
        shown = replace(image, stamp=time.time_ns())
        [poses] = estimator.estimate([shown])
        assert not isinstance(poses, Exception)
        tracker.update(shown.stamp, poses)

    before = rate_of(lambda: estimator.backend.infer([slot]), seconds / 4)
    rate = rate_of(follow, seconds / 2)
    network = (before + rate_of(lambda: estimator.backend.infer([slot]), seconds / 4)) / 2
    aim = "60 images/s" if size == SIZES[0] else ""
    return f"pose and tracking / bare pose network, {size}²", f"{rate / network:.2f} ({rate:.1f} / {network:.1f})", aim


def _parts(estimator: PoseEstimator, pixels: Pixels, size: int) -> list[Row]:
    image, slot = CameraImage.of_array(pixels, 0), np.zeros(estimator.shape, np.uint8)
    write_letterboxed(image, estimator.card.input.resize, slot)
    [output] = estimator.backend.infer([slot])
    decode, tracker, stamp = DECODERS[estimator.card.decode], Tracker(), [0]
    poses = decode(output, *estimator.shape[:2])

    def track() -> object:
        stamp[0] += 66_000_000
        return tracker.update(stamp[0], poses)

    crop, square = np.zeros((CROP, CROP, 3), np.uint8), Square()
    box = (100.0, 100.0, 300.0, 500.0)
    parts: dict[str, Callable[[], object]] = {
        "letterbox": lambda: write_letterboxed(image, estimator.card.input.resize, slot),
        f"decoding of {len(poses)} people": lambda: decode(output, *estimator.shape[:2]),
        f"tracking of {len(poses)} people": track,
        f"crop of a person to {CROP}²": lambda: square.around(image, box).write(crop, estimator.card.input.resize),
    }
    return [(f"{name}, {size}²", f"{_milliseconds(action):.2f} ms an image", "") for name, action in parts.items()]


def _milliseconds(action: Callable[[], object], times: int = 300) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e3

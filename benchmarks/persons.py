"""What following people costs: the pose network, and all around it, on the demo's man and on eight of him."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from figures import Figure, once, ratio
from har_ros.frames.letterbox import write_letterboxed
from har_ros.frames.pixels import CameraImage, Pixels
from har_ros.persons.crops import Square
from har_ros.persons.decode import DECODERS
from har_ros.persons.estimator import PoseEstimator
from har_ros.persons.tracks import Tracker
from inputs import CAMERAS, RATE, demo_videos, sequence_network
from measure import Setting, measure
from part import Bench, Figures
from timing import median_time, rate_of

POSE_MODEL = "movenet-multipose"
SIZES = (256, 384)
CROP = 224


def people(bench: Bench) -> Figures:
    """Images per second of pose and tracking over those of the bare pose network, and what their parts take."""
    man = _man(640, 480)
    crowd = np.concatenate([np.concatenate([man] * 4, axis=1)] * 2)
    for size in SIZES:
        with PoseEstimator.open(POSE_MODEL, size=size) as estimator:
            yield [_around(estimator, man, size, bench.seconds), *_parts(estimator, crowd, size)]


def people_of_cameras(bench: Bench) -> Figures:
    """Four cameras with two people each, beside a network for whole images that costs next to nothing."""
    picture = bench.folder / "two.png"
    cv2.imwrite(str(picture), np.concatenate([_man(640, 480)] * 2, axis=1))
    network = str(sequence_network(bench.folder))
    found = measure(Setting(CAMERAS, bench.small, picture=picture, persons=network), bench.seconds)
    what = f"{CAMERAS} cameras of two people at {RATE:.0f} images/s, skeletons"
    slowest, count = min(found.people, default=0.0), f"{len(found.people)} people"
    yield [
        once(f"{what}: answers for the slowest person", slowest, "answers/s", aim="3", detail=count),
        once(f"{what}: searched for people", found.searched, "images/s", detail=f"of {CAMERAS * RATE:.0f}"),
        once(f"{what}: CPU", found.cpu * found.frames, "cores"),
    ]


def _man(height: int, width: int) -> Pixels:
    """Return the first image of the demo."""
    _, pixels = cv2.VideoCapture(str(demo_videos()[0])).read()
    return np.asarray(cv2.resize(pixels, (width, height)), np.uint8)


def _around(estimator: PoseEstimator, pixels: Pixels, size: int, seconds: float) -> Figure:
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
    return ratio(f"pose and tracking / bare pose network, {size}²", rate, network, "images/s", aim=aim)


def _parts(estimator: PoseEstimator, pixels: Pixels, size: int) -> list[Figure]:
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
        "decoding of eight people": lambda: decode(output, *estimator.shape[:2]),
        "tracking of eight people": track,
        f"crop of a person to {CROP}²": lambda: square.around(image, box).write(crop, estimator.card.input.resize),
    }
    return [
        once(f"{name}, {size}²", median_time(action, 300) * 1e3, "ms an image", detail=f"{len(poses)} people")
        for name, action in parts.items()
    ]

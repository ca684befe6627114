"""Draws a prediction on an image, and says where such images are published."""

from collections import Counter

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.pipeline.scores import Prediction

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _GREY, _GREEN = (255, 255, 255), (150, 150, 150), (80, 220, 100)
_LINES = 3


def annotate(image: NDArray[np.uint8], prediction: Prediction) -> None:
    """Draw the best classes with their scores into `image` (uint8, H×W×3 RGB), bars and text scaled to its size."""
    lines = [
        (f"{h.label} {h.score:.2f}", h.score, _GREEN if i == 0 else _GREY) for i, h in enumerate(prediction.accepted)
    ]
    _draw(image, lines[:_LINES] or [("nothing recognised", 0.0, _GREY)])


def announce(image: NDArray[np.uint8], text: str) -> None:
    """Draw one line of text, with no score, into `image` (uint8, H×W×3 RGB)."""
    _draw(image, [(text, 0.0, _GREY)])


def overlay_topics(topics: list[str]) -> list[str]:
    """Return where each camera's annotated images go: beside its image topic.

    Cameras that share a namespace get one below their own topic instead: /a/left → /a/left/actions_image.
    """
    namespaces = [topic.rpartition("/")[0] for topic in topics]
    shared = Counter(namespaces)
    return [
        f"{namespace if shared[namespace] == 1 else topic}/actions_image"
        for topic, namespace in zip(topics, namespaces, strict=True)
    ]


def _draw(image: NDArray[np.uint8], lines: list[tuple[str, float, tuple[int, int, int]]]) -> None:
    """Each line is its text, the length of its bar in [0, 1] and the bar's colour."""
    height, width = image.shape[:2]
    scale = max(0.3, min(height, width) / 600)
    row, bar = round(44 * scale), max(2, round(5 * scale))
    panel = image[: row * len(lines)]
    panel //= 3
    for i, (text, length, colour) in enumerate(lines):
        bottom = row * (i + 1)
        cv2.rectangle(image, (0, bottom - bar), (round((width - 1) * length), bottom - 1), colour, cv2.FILLED)
        _write(image, text, (round(8 * scale), bottom - bar - round(9 * scale)), scale)


def _write(image: NDArray[np.uint8], text: str, origin: tuple[int, int], scale: float) -> None:
    """Write one line, narrowed when the image is too narrow for it. OpenCV's font has ASCII only."""
    text = text.encode("ascii", "replace").decode()
    thickness = max(1, round(scale * 1.6))
    room = image.shape[1] - 2 * origin[0]
    needed = cv2.getTextSize(text, _FONT, scale, thickness)[0][0]
    cv2.putText(image, text, origin, _FONT, scale * min(1, room / max(1, needed)), _WHITE, thickness, cv2.LINE_AA)

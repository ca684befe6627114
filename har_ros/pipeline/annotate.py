"""Draws predictions and people on an image, and says where such images are published."""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.persons.skeleton import LIMBS, VISIBLE
from har_ros.persons.tracks import Track
from har_ros.pipeline.people import Person, PersonResult
from har_ros.pipeline.scores import Prediction

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _GREY, _GREEN = (255, 255, 255), (150, 150, 150), (80, 220, 100)
_LINES = 3
_BLACK = (0, 0, 0)
COLOURS = (
    *((230, 159, 0), (86, 180, 233), (0, 190, 140), (240, 228, 66)),
    *((90, 150, 255), (255, 120, 60), (220, 140, 200), (180, 220, 120)),
)
"""Of people, distinct also by those who do not see red or green (Okabe and Ito's, some of them lighter)."""


def annotate(
    image: NDArray[np.uint8], said: Prediction | str | None, people: Sequence[Person | PersonResult] = ()
) -> None:
    """Draw into `image` (uint8, H×W×3 RGB) what is said of all of it, and who is there, scaled to its size.

    said: a prediction, whose best classes are shown with their scores as bars; a line of text; or nothing. people: box,
    skeleton, id and best action of each, in a colour of the id. Nobody hides what is said of the whole image.
    """
    scale = max(0.3, min(image.shape[:2]) / 900)
    for person in people:
        _outline(image, person.track, max(1, round(2 * scale)))
    panel = _panel(image, _lines(said))
    for person in people:
        _label(image, person, scale, panel)


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


def _lines(said: Prediction | str | None) -> list[tuple[str, float, tuple[int, int, int]]]:
    """Return the text of each line, the length of its bar in [0, 1] and the bar's colour."""
    if said is None:
        return []
    if isinstance(said, str):
        return [(said, 0.0, _GREY)]
    lines = [(f"{h.label} {h.score:.2f}", h.score, _GREEN if i == 0 else _GREY) for i, h in enumerate(said.accepted)]
    return lines[:_LINES] or [("nothing recognised", 0.0, _GREY)]


def _outline(image: NDArray[np.uint8], track: Track, thickness: int) -> None:
    """Draw a person's box and skeleton."""
    colour = _colour(track)
    left, top, right, bottom = (round(side) for side in track.box)
    cv2.rectangle(image, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
    draw_skeleton(image, track.keypoints, colour, thickness)


def draw_skeleton(
    image: NDArray[np.uint8], keypoints: NDArray[Any], colour: tuple[int, int, int], thickness: int
) -> None:
    """Draw the limbs whose ends are visible into `image` (uint8, H×W×3). keypoints: 17×3, see Track. In pixels."""
    for first, second in LIMBS:
        if min(keypoints[[first, second], 2]) >= VISIBLE:
            begin, end = (keypoints[joint, :2].round().astype(int).tolist() for joint in (first, second))
            cv2.line(image, begin, end, colour, thickness, cv2.LINE_AA)


def _label(image: NDArray[np.uint8], person: Person | PersonResult, scale: float, top: int) -> None:
    """Write id and best action on the person's colour, above the box, or inside it where that is above `top`."""
    track = person.track
    best = person.prediction.accepted[:1] if person.prediction else ()
    text = _ascii(" ".join([track.number, *(f"{one.label} {one.score:.2f}" for one in best)]))
    thickness = max(1, round(scale * 1.6))
    (width, height), below = cv2.getTextSize(text, _FONT, scale, thickness)
    left = max(0, min(round(track.box[0]), image.shape[1] - width))
    bottom = max(top + height + 2 * below, round(track.box[1]))
    cv2.rectangle(image, (left, bottom - height - 2 * below), (left + width, bottom), _colour(track), cv2.FILLED)
    cv2.putText(image, text, (left, bottom - below), _FONT, scale, _BLACK, thickness, cv2.LINE_AA)


def _colour(track: Track) -> tuple[int, int, int]:
    return COLOURS[zlib.crc32(track.id.encode()) % len(COLOURS)]


def _ascii(text: str) -> str:
    """Return the text with what OpenCV's font does not have as question marks."""
    return text.encode("ascii", "replace").decode()


def _panel(image: NDArray[np.uint8], lines: Sequence[tuple[str, float, tuple[int, int, int]]]) -> int:
    """Draw the lines on a dark panel at the top. Returns its height in pixels."""
    height, width = image.shape[:2]
    scale = max(0.3, min(height, width) / 600)
    row, bar = round(44 * scale), max(2, round(5 * scale))
    panel = image[: row * len(lines)]
    panel //= 3
    for i, (text, length, colour) in enumerate(lines):
        bottom = row * (i + 1)
        cv2.rectangle(image, (0, bottom - bar), (round((width - 1) * length), bottom - 1), colour, cv2.FILLED)
        _write(image, text, (round(8 * scale), bottom - bar - round(9 * scale)), scale)
    return len(panel)


def _write(image: NDArray[np.uint8], text: str, origin: tuple[int, int], scale: float) -> None:
    """Write one line, narrowed when the image is too narrow for it."""
    text = _ascii(text)
    thickness = max(1, round(scale * 1.6))
    room = image.shape[1] - 2 * origin[0]
    needed = cv2.getTextSize(text, _FONT, scale, thickness)[0][0]
    cv2.putText(image, text, origin, _FONT, scale * min(1, room / max(1, needed)), _WHITE, thickness, cv2.LINE_AA)

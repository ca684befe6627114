"""predictions.jsonl: a header line, then a line for each window, recording by recording."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError
from har_ros.evaluate.replay import Seen
from har_ros.pipeline.scores import Hypothesis

PREDICTIONS, REPORT, TIMING = "predictions.jsonl", "report.html", "timing.json"
FORMAT = "har_ros predictions 1"
RANKED = 5
"""Hypotheses that a line has, at least."""


@dataclass(frozen=True)
class PredictedWindow:
    """One line. start, end: stamps of its frames; started, published: of its answer on the recorder's clock; all in ns.

    restarts: how often the camera's window had started again. hypotheses: best first. probabilities: of all classes, in
    the order of the header's labels; in the file they are little-endian float16 in base64. padded: see replay.Seen; in
    the file only where it is true. until: stamp of the last frame of which the answer speaks, None where that is `end`.
    distance: see Likeness.distance; None where it was not measured.
    """

    bag: str
    camera: str
    frame_id: str
    start: int
    end: int
    started: int
    published: int
    restarts: int
    frames: int
    hypotheses: tuple[Hypothesis, ...]
    probabilities: NDArray[np.float16]
    padded: bool = False
    until: int | None = None
    distance: float | None = None


def line(bag: str, seen: Seen, numbers: Mapping[str, int], top_k: int) -> str:
    """Return the line of a result whose prediction ranks all classes. numbers: label → number of the class."""
    result = seen.result
    ranked = result.prediction.hypotheses
    probabilities = np.zeros(len(numbers), "<f2")
    probabilities[[numbers[h.label] for h in ranked]] = [h.score for h in ranked]
    record = {
        "bag": bag,
        "camera": seen.camera,
        "frame_id": result.frame_id,
        "start": result.start,
        "end": result.end,
        "started": seen.started,
        "published": seen.published,
        "restarts": seen.restarts,
        "frames": result.frames,
        "hypotheses": [[h.label, h.score] for h in ranked[: max(top_k, RANKED)]],
        "probabilities": encoded(probabilities),
        **({"padded": True} if seen.padded else {}),
        **({"until": result.until} if result.until != result.end else {}),
        **({"distance": round(result.distance, 4)} if result.distance is not None else {}),
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def encoded(probabilities: NDArray[Any]) -> str:
    """Return probabilities as they stand in a line: float16, little-endian, in base64."""
    return base64.b64encode(probabilities.astype("<f2").tobytes()).decode()


def decoded(text: str) -> NDArray[np.float16]:
    """Return the probabilities of a line. Raises ValueError."""
    return np.frombuffer(base64.b64decode(text, validate=True), "<f2")


def read(path: Path) -> tuple[dict[str, Any], Iterator[PredictedWindow]]:
    """Return the header and an iterator of the windows. Raises ConfigurationError; the iterator, too."""
    lines = lines_of(path)
    try:
        header = json.loads(next(lines))
        if header["format"] != FORMAT:
            raise KeyError("format")
    except (StopIteration, ValueError, KeyError, TypeError, RecursionError):
        raise ConfigurationError(f"{path} is no file of predictions; give a folder of results") from None
    return header, _windows(path, lines)


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a file of results. Raises ConfigurationError."""
    try:
        with path.open(encoding="utf-8") as file:
            yield from file
    except OSError as error:
        raise ConfigurationError(f"cannot read {path} ({error.strerror}); give a folder of results") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; give a folder of results") from None


def _windows(path: Path, lines: Iterator[str]) -> Iterator[PredictedWindow]:
    for number, text in enumerate(lines, 2):
        try:
            record = json.loads(text)
            record["hypotheses"] = tuple(Hypothesis(str(label), float(score)) for label, score in record["hypotheses"])
            record["probabilities"] = decoded(record["probabilities"])
            yield PredictedWindow(**record)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(f"{path} line {number} is damaged; evaluate again with --overwrite") from None

"""Files of predictions for the tests, written as a job writes them."""

import json

from bags import SECOND

from har_ros.evaluate import results
from har_ros.evaluate.replay import Counts, Seen
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.scores import Hypothesis, Prediction

LABELS = ("run", "walk", "fall", "fly")


def predictions(folder, windows, threshold=0.3, cameras=("/a",), labels=LABELS):
    """Write predictions as a job does. windows: camera, end in seconds and probabilities. Returns path and header."""
    counts = Counts(
        first=0, last=round(max((end for _, end, _ in windows), default=0) * SECOND), windows=len(windows)
    ).__dict__
    header = {
        "format": results.FORMAT,
        "versions": {"har_ros": "0"},
        "backend": "none",
        "card": {"name": "test"},
        "labels": list(labels),
        "parameters": {"threshold": threshold},
        "inference_time": 0.0,
        "realtime_factor": 1.0,
        "recordings": [{"name": "bag", "sha256": "1", "error": "", "cameras": dict.fromkeys(cameras, counts)}],
    }
    numbers = {label: number for number, label in enumerate(labels)}
    path = folder / "predictions.jsonl"
    with path.open("w") as file:
        file.write(json.dumps(header) + "\n")
        for camera, end, probabilities in windows:
            ranked = sorted(zip(labels, probabilities, strict=True), key=lambda pair: -pair[1])
            prediction = Prediction(tuple(Hypothesis(*pair) for pair in ranked), threshold)
            stamp = round(end * SECOND)
            result = Result(prediction, stamp - SECOND, stamp, "a", 4, 0.1, stamp, 0)
            file.write(results.line("bag", Seen(camera, result, stamp, stamp, 0), numbers, 4))
    return path, header

"""The library without ROS: what happens when in a video, as a table.

python3 examples/recognize_file.py video.mp4 [--model MODEL] [--threshold 0.3]
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator

from har_ros.errors import HarError
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.scores import ScoreSettings
from har_ros.recordings.source import open_source


def results(path: str, model: str, threshold: float) -> Iterator[Result]:
    """Yield what the network says of each window. Raises HarError."""
    with Recognizer.open(model) as recognizer:
        stream = recognizer.stream(StreamSettings(max_gap=0.0))  # of a file every frame comes
        for frame in open_source(path):
            stream.push(CameraImage.of_array(frame.pixels, frame.stamp))
            [result] = recognizer.recognize([stream], ScoreSettings(top_k=1, threshold=threshold))
            if isinstance(result, HarError):
                raise result
            if result is not None:
                yield result


def best(result: Result) -> str:
    """Return the first action, empty where none reaches the threshold."""
    return result.prediction.accepted[0].label if result.prediction.accepted else ""


def main() -> None:
    """Print a line for each run of windows with the same first action, by the windows' ends in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="a video file or a folder of pictures")
    parser.add_argument("--model", default="i3d-kinetics-400", help="a card's name or path (i3d-kinetics-400)")
    parser.add_argument("--threshold", type=float, default=0.3, help="least probability of an action (0.3)")
    options = parser.parse_args()
    windows: list[Result] = []
    try:
        for label, run in itertools.groupby(results(options.path, options.model, options.threshold), best):
            windows = list(run)
            print(f"{windows[0].end / 1e9:8.2f} {windows[-1].end / 1e9:8.2f}  {label or 'nothing recognised'}")
    except HarError as error:
        parser.exit(1, f"recognize_file: {error}\n")
    if not windows:
        parser.exit(1, f"recognize_file: {options.path} is shorter than a window\n")


if __name__ == "__main__":
    main()

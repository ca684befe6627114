"""The library without ROS: what happens when in a video, and who does what, as a table.

python3 examples/recognize_file.py video.mp4 [--persons] [--model MODEL] [--threshold 0.3]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from har_ros.errors import HarError
from har_ros.pipeline.recognition import Networks
from har_ros.pipeline.recognizer import Result
from har_ros.recordings.source import open_source


def windows(path: str, model: str, threshold: float, persons: bool) -> Iterator[tuple[str, Result]]:
    """Yield who is meant, empty for the whole image, and what the network says of each window. Raises HarError."""
    parameters = {"threshold": threshold, "persons": persons, "top_k": 1, "max_gap": 0.0}  # of a file every frame comes
    with Networks.open(model, **parameters) as networks:
        for result in networks.results(frame.image for frame in open_source(path)):
            if result.whole is not None:
                yield "", result.whole
            for person in result.persons:
                if person.result is not None:
                    yield f"{person.id}: ", person.result


def best(result: Result) -> str:
    """Return the first action; none may reach the threshold."""
    return next((action.label for action in result.prediction.accepted), "nothing recognised")


def line(who: str, run: list[Result]) -> str:
    """Return the line of a run of windows with the same first action, by the windows' ends in seconds."""
    return f"{run[0].end / 1e9:8.2f} {run[-1].end / 1e9:8.2f}  {who}{best(run[0])}"


def main() -> None:
    """Print a line for each run of windows of the whole image, or of a person, with the same first action."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="a video file or a folder of pictures")
    parser.add_argument("--persons", action="store_true", help="follow people as well")
    parser.add_argument("--model", default="i3d-kinetics-400", help="a card's name or path (i3d-kinetics-400)")
    parser.add_argument("--threshold", type=float, default=0.3, help="least probability of an action (0.3)")
    options = parser.parse_args()
    runs: dict[str, list[Result]] = {}
    try:
        for who, result in windows(options.path, options.model, options.threshold, options.persons):
            run = runs.setdefault(who, [])
            if run and best(run[0]) != best(result):
                print(line(who, run))
                run.clear()
            run.append(result)
    except HarError as error:
        parser.exit(1, f"recognize_file: {error}\n")
    for who, run in runs.items():
        print(line(who, run))
    if not runs:
        parser.exit(1, f"recognize_file: {options.path} is shorter than a window\n")


if __name__ == "__main__":
    main()

"""The process that opens a video before a job is made of it, so that what is none is refused at once."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from har_ros.errors import HarError
from har_ros.service.limits import check_video
from har_ros.service.process import end_with_the_server, prepare


def main() -> int:
    """Open a video; print a line of JSON: error, empty if there is none."""
    parser = argparse.ArgumentParser(prog="python -m har_ros.service.jobs.opening", description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--longest", type=float, required=True, help="seconds of a video, at most")
    parser.add_argument("--memory", type=int, required=True, help="bytes that this process may have, at most")
    options = parser.parse_args()
    end_with_the_server()
    prepare("opening", options.memory)
    error = ""
    try:
        check_video(options.video, options.longest)
    except HarError as reason:
        error = str(reason)
    print(json.dumps({"error": error}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

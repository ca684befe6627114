"""Make a bag of videos."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from har_ros.commands.shared.options import at_least, between
from har_ros.commands.shared.parser import Parser
from har_ros.files.console import say
from har_ros.recordings.record import record


def run(arguments: list[str]) -> int:
    """`actionnet record`. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet record", description="Make a rosbag2 bag (mcap) of videos.")
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a video file; each becomes a camera")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="BAG", help="the bag's folder, or a file (.mcap)"
    )
    parser.add_argument(
        "--topic", action="append", default=[], help="topic of each video in turn (/cam01/image_raw, …)"
    )
    parser.add_argument("--raw", action="store_true", help="write sensor_msgs/Image instead of JPEG in CompressedImage")
    parser.add_argument("--seconds", type=between(0, 1e6), default=0.0, help="loop the videos for this long (once)")
    parser.add_argument(
        "--max-side", type=at_least(0), default=0, help="scale the longer side down to this many pixels (no scaling)"
    )
    options = parser.parse_args(arguments)
    record(
        options.videos,
        options.output,
        options.topic,
        raw=options.raw,
        seconds=options.seconds,
        max_side=options.max_side,
        console=Console(stderr=True),
    )
    say(Console(), f"bag: {options.output}")
    return 0

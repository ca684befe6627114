"""The recordings that a command names, as jobs of an evaluation."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from har_ros.errors import ConfigurationError
from har_ros.evaluate.plan import Job
from har_ros.recordings.bag import open_recording
from har_ros.recordings.remote import Address, Place, place


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Add the recordings, for jobs_of."""
    parser.add_argument(
        "recordings",
        nargs="+",
        type=place,
        metavar="BAG",
        help="a bag's folder or file, or a video: a path, or an address such as s3://bucket/bag",
    )


def jobs_of(paths: Sequence[Place], values: dict[str, Any]) -> list[Job]:
    """Give each recording a name of its own: its file's, with as many folders before it as that needs."""
    resolved = [path.expanduser().absolute() for path in paths]
    if len({path.parts for path in resolved}) < len(resolved):
        raise ConfigurationError("a recording is named more than once; name it once")
    names, depth = [path.name for path in resolved], 1
    while len(set(names)) < len(resolved):
        depth += 1
        names = ["/".join(path.parts[-depth:]) for path in resolved]
    topics, transport = tuple(values["image_topics"]), values["image_transport"]
    counts = [0 if isinstance(path, Address) else open_recording(path, topics, transport).count for path in resolved]
    return [Job(name, path, topics, transport, n) for name, path, n in zip(names, resolved, counts, strict=True)]

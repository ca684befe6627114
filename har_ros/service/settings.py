"""What whoever starts the service decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServiceSettings:
    """What the service does, and what its clients may take.

    models: a folder of networks beside those that come with har_ros. datasets: a folder of datasets, to teach with.
    workers: jobs at the same time. ray: address of the cluster that does them, empty: this machine does. streams:
    webcams at the same time. links: whether videos are fetched from links. preload: whether workers load the default
    network before a job needs it. most_bytes, seconds: of a video. memory: of a process that decodes what clients send,
    bytes. disk: of everything, bytes. days: that results stay.
    """

    models: Path | None = None
    datasets: Path | None = None
    workers: int = 1
    ray: str = ""
    streams: int = 2
    links: bool = False
    preload: bool = False
    most_bytes: int = 4_000_000_000
    seconds: float = 3600.0
    memory: int = 8 << 30
    disk: int = 100_000_000_000
    days: float = 7.0

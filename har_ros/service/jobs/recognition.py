"""Jobs as works of one piece: here, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from har_ros.pipeline.recognition import Networks
from har_ros.pipeline.sending import sent_networks, values_there
from har_ros.recordings.source import open_source
from har_ros.service.folder import ServiceFolder, alone
from har_ros.service.jobs.run import VideoRun
from har_ros.service.limits import check_video, limit_formats
from har_ros.service.process import limit_memory
from har_ros.settings import ACTIONNET
from har_ros.workers.there import check_seen
from har_ros.workers.workers import Do, Report, Stopped, Work

LOADED = tuple(row.name for row in ACTIONNET if not row.at_run_time)
"""Parameters for which networks are loaded again; the others are read by each source of images."""


@dataclass(frozen=True)
class Video:
    """What a job looks at. folder: the service's. job: its id. name: of the video, as it was sent."""

    folder: ServiceFolder
    job: str
    name: str
    path: Path


@dataclass(frozen=True)
class News:
    """How far a job is. saved: how often it was saved, so that another run may go on from there.

    total: frames, 0 where that is not known.
    """

    saved: int
    count: int
    total: int
    windows: int


class Loaded:
    """The networks of the last job, which stay loaded for the next one that names the same. Close it."""

    def __init__(self) -> None:
        self._networks: Networks | None = None
        self._written: tuple[int, ...] = ()

    def networks(self, values: dict[str, Any], written: tuple[int, ...] = ()) -> Networks:
        """Return networks with these parameters. written: when theirs were, see Models. Raises HarError."""
        loaded = self._networks
        if loaded is None or written != self._written or any(values[n] != loaded.values[n] for n in LOADED):
            self.close()
            loaded = self._networks = Networks(values)
            self._written = written
        loaded.values = values
        return loaded

    def close(self) -> None:
        """Free the networks."""
        if self._networks is not None:
            self._networks.close()
            self._networks = None


@dataclass(frozen=True)
class VideoRecognition(Work[Video, News]):
    """Looks at a video, and writes what is found into its job's folder, which all machines have to see.

    values: the node's parameters. written: when their networks were, see Models. longest: seconds of a video. memory:
    bytes that a process of another machine may have. loaded: what keeps networks here.
    """

    values: Mapping[str, Any]
    written: tuple[int, ...]
    longest: float
    memory: int
    loaded: Loaded | None = None
    retries: ClassVar[int] = 0  # the service begins a job again

    def called(self, piece: Video) -> str:
        """Return what a sentence calls a video."""
        return piece.name

    def files(self) -> dict[str, Path | bytes]:
        """Return the networks."""
        return sent_networks(dict(self.values))

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[Video, News]]:
        """Lend what looks at videos. Raises HarError."""
        values = dict(self.values)
        if folder is not None:
            values = values_there(values, folder)
            limit_formats()
            limit_memory(self.memory)
        with closing(Loaded()) if self.loaded is None else nullcontext(self.loaded) as loaded:

            def look(video: Video, report: Report, stopped: Stopped) -> News:
                report(News(0, 0, 0, 0))  # it has begun: from now on silence is a fault
                if folder is not None:
                    check_seen(video.path)
                with alone(video.folder.of(video.job)):
                    check_video(video.path, self.longest)
                    networks = loaded.networks(values, self.written)
                    with closing(_run(video, networks, self.longest)) as news:
                        for last in news:
                            report(last)
                return last  # which a report from another machine may not bring

            yield look


def _run(video: Video, networks: Networks, longest: float) -> Generator[News, None, None]:
    """Look at a video, and write what was found. Raises HarError, OSError."""
    place, source = video.folder.of(video.job), open_source(str(video.path))
    run = VideoRun(networks, source, str(video.path), place, video.name)
    try:
        times = 0
        for saved in run.frames(longest):
            times += saved
            yield News(times, run.count, source.count, run.windows)
        run.note = video.folder.said_to_clients(video.job, video.name, run.note)
        run.write()
        yield News(times, run.count, run.count, run.windows)
    finally:
        run.discard()

"""Cutting as a work whose pieces are recordings with their segments: here or on other machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from har_ros.files.results_folder import write_files
from har_ros.learning.clips import cut
from har_ros.recordings.remote import Place, local
from har_ros.truth.segments import Segment
from har_ros.workers.there import check_seen
from har_ros.workers.workers import Do, Report, Stopped, Work

Piece = tuple[Place, tuple[Segment, ...]]


@dataclass(frozen=True)
class Clips:
    """The clips of a recording: paths in the dataset. contents: of those that were made elsewhere."""

    paths: tuple[Path, ...]
    contents: Mapping[Path, bytes] = field(default_factory=dict)

    def write(self, dataset: Path) -> None:
        """Write what was made elsewhere. Raises HarError."""
        write_files(dataset, self.contents)


@dataclass(frozen=True)
class Cutting(Work[Piece, Clips]):
    """Cuts recordings into clips; the fields are the arguments of `cut`."""

    dataset: Path
    least: float
    background: bool

    def called(self, piece: Piece) -> str:
        """Return what a sentence calls a piece."""
        return str(piece[0])

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[Piece, Clips]]:
        """Lend what cuts a recording. Raises HarError."""
        yield self._here if folder is None else self._elsewhere

    def _here(self, piece: Piece, report: Report, stopped: Stopped) -> Clips:
        return Clips(self._cut(piece, self.dataset))

    def _elsewhere(self, piece: Piece, report: Report, stopped: Stopped) -> Clips:
        if isinstance(piece[0], Path):
            check_seen(piece[0])
        with TemporaryDirectory(prefix="har_ros-") as place:
            paths = self._cut(piece, Path(place))
            return Clips(paths, {path: Path(place, path).read_bytes() for path in paths})

    def _cut(self, piece: Piece, dataset: Path) -> tuple[Path, ...]:
        where, segments = piece
        with local(where) as path:
            written = cut(path, segments, dataset, least=self.least, background=self.background, called=str(where))
        return tuple(one.relative_to(dataset) for one in written)

"""Cutting as a work whose pieces are recordings with their segments, and parts of long ones: here or elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from har_ros.files.results_folder import write_files
from har_ros.learning.clips import Cuts, cut, cuts, write
from har_ros.recordings.bag import open_recording
from har_ros.recordings.glance import Excerpt, Glance, glance_of_long
from har_ros.recordings.recording import BagError
from har_ros.recordings.remote import Place, local
from har_ros.truth.segments import Segment
from har_ros.workers.there import check_seen
from har_ros.workers.workers import Do, Report, Stopped, Work, Workers

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
class Part:
    """Clips of a long recording that are cut apart from the others. first: number of the first image for them."""

    where: Path
    seen: Glance
    first: int
    cuts: Cuts


@dataclass(frozen=True)
class InParts:
    """A long recording, whose parts are to be cut."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Whole:
    """A recording that is cut in one go, however long it is."""

    piece: Piece


@dataclass(frozen=True)
class Cutting(Work[Piece | Part | Whole, Clips | InParts | None]):
    """Cuts recordings into clips; the fields are the arguments of `cut`.

    Elsewhere, of a long recording it first says what its parts are. None comes of a part where the recording is another
    one than was thought, and is to be cut as a whole.
    """

    dataset: Path
    least: float
    background: bool

    def called(self, piece: Piece | Part | Whole) -> str:
        """Return what a sentence calls a piece."""
        return str(_where(piece))

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[Piece | Part | Whole, Clips | InParts | None]]:
        """Lend what cuts a recording. Raises HarError."""
        yield self._here if folder is None else self._elsewhere

    def _here(self, piece: Piece | Part | Whole, report: Report, stopped: Stopped) -> Clips:
        assert isinstance(piece, tuple)
        return Clips(self._cut(piece, self.dataset))

    def _elsewhere(self, piece: Piece | Part | Whole, report: Report, stopped: Stopped) -> Clips | InParts | None:
        where = _where(piece)
        if isinstance(where, Path):
            check_seen(where)
            if isinstance(piece, tuple) and (parts := self._parts(where, piece[1])):
                return InParts(parts)
        with TemporaryDirectory(prefix="har_ros-") as place:
            if isinstance(piece, Part):
                try:
                    recording = Excerpt(open_recording(piece.where), piece.seen, piece.first, piece.seen.count)
                    written = write(recording, piece.cuts, Path(place))
                except BagError:
                    return None
                paths = tuple(one.relative_to(place) for one in written)
            else:
                paths = self._cut(piece.piece if isinstance(piece, Whole) else piece, Path(place))
            return Clips(paths, {path: Path(place, path).read_bytes() for path in paths})

    def _parts(self, path: Path, segments: tuple[Segment, ...]) -> tuple[Part, ...]:
        """Return what can be cut apart of a recording; nothing where it is to be cut as a whole. Raises HarError."""
        recording = open_recording(path)
        if (seen := glance_of_long(recording)) is None:
            return ()
        blank = Excerpt(recording, seen, seen.count, seen.count)
        found = cuts(blank, segments, least=self.least, background=self.background)
        return tuple(Part(path, seen, first, part) for first, part in found.parts(seen))

    def _cut(self, piece: Piece, dataset: Path) -> tuple[Path, ...]:
        where, segments = piece
        with local(where) as path:
            written = cut(path, segments, dataset, least=self.least, background=self.background, called=str(where))
        return tuple(one.relative_to(dataset) for one in written)


def cut_all(work: Cutting, pieces: Sequence[Piece], workers: Workers, show: Callable[[], None]) -> list[Path]:
    """Cut recordings into clips. Returns the clips, as paths in the dataset. show: called when a recording is done.

    Raises HarError.
    """
    found: list[list[Path]] = [[] for _ in pieces]
    parts: list[tuple[int, Part]] = []
    left: Counter[int] = Counter()
    others: set[int] = set()

    def keep(number: int, clips: Clips | InParts | None) -> None:
        if isinstance(clips, Clips):
            clips.write(work.dataset)
            found[number] += clips.paths
            left[number] -= 1
        elif clips is None:
            others.add(number)
        else:
            parts.extend((number, part) for part in clips.parts)
            left[number] = len(clips.parts)
        if left[number] <= 0:
            show()

    workers.run(work, pieces, keep, lambda _: None)
    workers.run(work, [part for _, part in parts], lambda place, one: keep(parts[place][0], one), lambda _: None)
    whole = sorted(others)
    for number in whole:
        for path in found[number]:
            (work.dataset / path).unlink(missing_ok=True)
        found[number], left[number] = [], 1
    workers.run(work, [Whole(pieces[n]) for n in whole], lambda place, one: keep(whole[place], one), lambda _: None)
    return [path for own in found for path in own]


def _where(piece: Piece | Part | Whole) -> Place:
    if isinstance(piece, Part):
        return piece.where
    return piece.piece[0] if isinstance(piece, Whole) else piece[0]

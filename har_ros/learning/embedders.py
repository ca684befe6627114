"""What turns recordings into embeddings, as the settings of a lesson ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, HarError
from har_ros.files.cache import cache_folder, cached, discard
from har_ros.learning.background import OFF
from har_ros.learning.embed import KEPT, Embedder, ImageEmbedder, InRanges, Kept, Piece
from har_ros.learning.embed_people import PeopleEmbedder, PeopleSettings
from har_ros.learning.embed_ranges import Range, joined
from har_ros.models.locate import find_model, find_pose_model
from har_ros.models.portable import portable, portable_pose
from har_ros.workers.there import check_backend, check_same, check_seen
from har_ros.workers.workers import Do, Report, Stopped, Work, Workers


@dataclass(frozen=True)
class Settings:
    """model: whose embeddings. frames: of a window, 0 as its card says. mirror: teach with mirror images, too.

    between: let what lies between segments be the class "none". people: for a network of skeletons.
    background: windows of none that are taught, too: world, off, a file, or empty for what is usual. nothing: a folder
    of recordings in which there is none of the classes.
    """

    model: str
    frames: int = 0
    mirror: bool = True
    between: bool = True
    people: PeopleSettings = field(default_factory=PeopleSettings)
    background: str = OFF
    nothing: Path | None = None


def open_embedder(settings: Settings, backend: BackendSettings) -> Embedder:
    """Load what turns recordings into embeddings, of images or of people as the network takes them. Raises HarError."""
    embedder = _opened(settings, backend)
    embedder.elsewhere = Looking(settings, backend, embedder.backend)
    return embedder


def _opened(settings: Settings, backend: BackendSettings) -> Embedder:
    if backend.backend == "triton":
        raise ConfigurationError(
            "backend is triton, but teaching needs networks without their last layer, which are not exported; set "
            "backend to auto"
        )
    model = find_model(settings.model)
    if model.card.kind == "sequence":
        return PeopleEmbedder(model, backend, settings.frames, settings.mirror, settings.people)
    if settings.people != PeopleSettings():
        raise ConfigurationError(
            f"{model.card.name} takes whole images, in which nobody is looked for; leave out the options for people, "
            "or teach a network that takes skeletons (--skeletons)"
        )
    return ImageEmbedder(model, backend, settings.frames, settings.mirror)


@dataclass(frozen=True)
class Looking(Work[Piece | Range, Kept | InRanges | bytes | None]):
    """Looks at recordings, where they are not in the cache. computed_by: Embedder.backend on the machine that asks.

    Of a long recording it first says what its ranges are. None comes of a range where the recording is to be looked at
    as a whole.
    """

    settings: Settings
    backend: BackendSettings
    computed_by: str

    def called(self, piece: Piece | Range) -> str:
        """Return what a sentence calls a piece."""
        return str(piece.path if isinstance(piece, Range) else piece[0])

    def files(self) -> dict[str, Path | bytes]:
        """Return the networks."""
        model = find_model(self.settings.model)
        sent = {"model": portable(model)}
        if model.card.kind == "sequence":
            sent["pose_model"] = portable_pose(find_pose_model(self.settings.people.pose_model))
        return {f"{name}/{file}": content for name, files in sent.items() for file, content in files.items()}

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[Piece | Range, Kept | InRanges | bytes | None]]:
        """Lend what looks at a recording. Raises HarError."""
        settings, backend = self.settings, self.backend
        if folder is not None:
            backend = replace(backend, threads=backend.threads or 1)
            settings = replace(settings, model=str(folder / "model"))
            if (folder / "pose_model").is_dir():
                settings = replace(settings, people=replace(settings.people, pose_model=str(folder / "pose_model")))
        with _opened(settings, backend) as embedder:
            check_backend(embedder.backend, self.computed_by)

            def look(piece: Piece | Range, report: Report, stopped: Stopped) -> Kept | InRanges | bytes | None:
                path = piece.path if isinstance(piece, Range) else piece[0]
                check_seen(path)
                if isinstance(piece, Range):
                    assert isinstance(embedder, ImageEmbedder)
                    return embedder.look_in(piece)
                _, name, whole = piece
                check_same(path, Path(embedder.name_of(path)).name, Path(name).name)
                try:
                    if not whole and isinstance(embedder, ImageEmbedder) and (ranges := embedder.ranges(path)):
                        return InRanges(ranges)
                    return Kept(embedder.keep(path).read_bytes())
                except HarError as error:
                    return Kept(error=error)

            yield look


def look_elsewhere(
    embedder: Embedder, paths: Sequence[Path], workers: Workers, show: Callable[[int], None]
) -> dict[Path, HarError | None]:
    """Let workers look at those recordings that are not in the cache, and put what they saw into it. Raises HarError.

    Returns those that they looked at, with what is wrong with them. show: called with how many are done.
    """
    if workers.in_this_process or embedder.elsewhere is None:
        return {}
    run = _Run(embedder.elsewhere, workers, show)
    for path in paths:
        with suppress(HarError):  # said by whoever looks at it next
            if not (cache_folder() / (name := embedder.name_of(path))).is_file():
                run.next.append((path, (path.absolute(), name, not workers.divide)))
    run.do()
    run.do()  # ranges
    run.do()  # what could not be joined
    return run.seen


class _Run:
    """seen: recordings that were looked at. next: pieces, each of the recording with this path."""

    def __init__(
        self, work: Work[Piece | Range, Kept | InRanges | bytes | None], workers: Workers, show: Callable[[int], None]
    ) -> None:
        self.seen: dict[Path, HarError | None] = {}
        self.next: list[tuple[Path, Piece | Range]] = []
        self._work, self._workers, self._show = work, workers, show
        self._names: dict[Path, str] = {}
        self._parts: dict[Path, dict[int, Path | None]] = {}
        """Of each recording, the files of its ranges by where they begin; None: there is none yet."""

    def do(self) -> None:
        """Do the pieces, and note what is to be done next."""
        pieces, self.next = self.next, []

        def take(number: int, result: Kept | InRanges | bytes | None) -> None:
            path, piece = pieces[number]
            if isinstance(piece, Range):
                assert result is None or isinstance(result, bytes)
                self._take_range(path, piece, result)
                return
            self._names[path] = piece[1]
            if isinstance(result, InRanges):
                self._divide(path, result.ranges)
            elif isinstance(result, Kept):
                self._keep(path, result)

        self._workers.run(self._work, [piece for _, piece in pieces], take, lambda _: None)

    def _keep(self, path: Path, kept: Kept) -> None:
        if kept.error is None:
            cached(self._names[path], lambda: kept.content, KEPT)
        self.seen[path] = kept.error
        self._show(len(self.seen))

    def _divide(self, path: Path, ranges: Sequence[Range]) -> None:
        name, files = self._names[path], dict[int, Path | None]()
        for part in ranges:
            there = cache_folder() / part.file(name)
            files[part.begin] = there if there.is_file() else None
            if files[part.begin] is None:
                self.next.append((path, part))
        self._parts[path] = files
        self._join(path)

    def _take_range(self, path: Path, part: Range, content: bytes | None) -> None:
        if content is None:
            _forget(self._parts.pop(path, {}).values())
        elif path in self._parts:
            self._parts[path][part.begin] = cached(part.file(self._names[path]), lambda: content, KEPT)
            self._join(path)
        self._look_again(path)

    def _join(self, path: Path) -> None:
        """Keep what is seen of a recording, when all of its ranges are done."""
        files = [file for file in self._parts[path].values() if file is not None]
        if len(files) < len(self._parts[path]):
            return
        del self._parts[path]
        content = joined(files)
        _forget(files)
        if content is None:
            self._look_again(path)
        else:
            self._keep(path, Kept(content))

    def _look_again(self, path: Path) -> None:
        """Let a recording be looked at as a whole, unless its ranges are being done, or it was looked at."""
        if path not in self._parts and path not in self.seen and path not in [one for one, _ in self.next]:
            self.next.append((path, (path.absolute(), self._names[path], True)))


def _forget(files: Iterable[Path | None]) -> None:
    for file in files:
        if file is not None:
            discard(file)

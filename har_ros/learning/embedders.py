"""What turns recordings into embeddings, as the settings of a lesson ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, HarError
from har_ros.files.cache import cache_folder, cached
from har_ros.learning.background import OFF
from har_ros.learning.embed import KEPT, Embedder, ImageEmbedder, Kept
from har_ros.learning.embed_people import PeopleEmbedder, PeopleSettings
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
class Looking(Work[tuple[Path, str], Kept]):
    """Looks at recordings, where they are not in the cache. computed_by: Embedder.backend on the machine that asks."""

    settings: Settings
    backend: BackendSettings
    computed_by: str

    def called(self, piece: tuple[Path, str]) -> str:
        """Return what a sentence calls a piece."""
        return str(piece[0])

    def files(self) -> dict[str, Path | bytes]:
        """Return the networks."""
        model = find_model(self.settings.model)
        sent = {"model": portable(model)}
        if model.card.kind == "sequence":
            sent["pose_model"] = portable_pose(find_pose_model(self.settings.people.pose_model))
        return {f"{name}/{file}": content for name, files in sent.items() for file, content in files.items()}

    @contextmanager
    def opened(self, folder: Path | None) -> Iterator[Do[tuple[Path, str], Kept]]:
        """Lend what looks at a recording, given by its path and its name in the cache. Raises HarError."""
        settings, backend = self.settings, self.backend
        if folder is not None:
            backend = replace(backend, threads=backend.threads or 1)
            settings = replace(settings, model=str(folder / "model"))
            if (folder / "pose_model").is_dir():
                settings = replace(settings, people=replace(settings.people, pose_model=str(folder / "pose_model")))
        with _opened(settings, backend) as embedder:
            check_backend(embedder.backend, self.computed_by)

            def look(piece: tuple[Path, str], report: Report, stopped: Stopped) -> Kept:
                path, name = piece
                check_seen(path)
                check_same(path, Path(embedder.name_of(path)).name, Path(name).name)
                try:
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
    pieces, asked = [], []
    for path in paths:
        with suppress(HarError):  # said by whoever looks at it next
            if not (cache_folder() / (name := embedder.name_of(path))).is_file():
                pieces.append((path.absolute(), name))
                asked.append(path)
    seen: dict[Path, HarError | None] = {}

    def take(number: int, kept: Kept) -> None:
        if kept.error is None:
            cached(pieces[number][1], lambda: kept.content, KEPT)
        seen[asked[number]] = kept.error
        show(len(seen))

    workers.run(embedder.elsewhere, pieces, take, lambda _: None)
    return seen

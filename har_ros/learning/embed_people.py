"""Recordings → embeddings of the people in them: windows of skeletons, seen by a network without its last layer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend, BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.skeletons import SkeletonFrame, mirrored
from har_ros.frames.window import Clip
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.learning.choices import Person
from har_ros.learning.embed import Embedder, Windows, embedding_network, hop_of
from har_ros.learning.people import People, PeopleFinder
from har_ros.learning.windows import Gatherer, SeenWindow
from har_ros.models.card import ModelCard
from har_ros.models.locate import Model
from har_ros.networks.sequence import NewestSkeletons, SequenceNetwork
from har_ros.persons.skeleton import VISIBLE
from har_ros.pipeline.stream import Stream

STEPS = 4
"""Parts of a window over which motion is measured: from frame to frame, the pose network's jitter counts for more."""


@dataclass(frozen=True)
class PeopleSettings:
    """How people are found, see PoseEstimator.open, and who of them counts."""

    person: Person = "moving"
    pose_model: str = "movenet-multipose"
    pose_size: int = 0


@dataclass(frozen=True)
class _Seen:
    """What is known of a person's window.

    embeddings: float32 views×D. looks: see Windows. size: diagonal of the joints' bounding box, pixels. motion: how far
    the joints move in 1/STEPS of the window, in sizes.
    """

    person: int
    embeddings: NDArray[np.float32]
    looks: NDArray[np.uint8]
    size: float
    motion: float


class PeopleEmbedder(Embedder):
    """An embedder of a sequence network, which keeps the people's skeletons in the cache."""

    def __init__(
        self,
        model: Model[ModelCard],
        backend: BackendSettings,
        frames: int = 0,
        mirror: bool = True,
        settings: PeopleSettings = PeopleSettings(),
        prepare: Callable[[Model[ModelCard], int], PreparedNetwork] = embedding_network,
        load: Callable[[PreparedNetwork, BackendSettings], Backend] = load_backend,
    ) -> None:
        """Arguments as for ImageEmbedder. prepare, load: what makes the embedding of windows. Raises HarError."""
        self.card = model.card
        self.prepared = prepare(model, frames)
        self._mirror = mirror
        self._person = settings.person
        self._finder = PeopleFinder(settings.pose_model, settings.pose_size, backend)
        try:
            self.network = SequenceNetwork((self.prepared,), lambda network: load(network, backend))
        except BaseException:  # Ctrl-C, too
            self._finder.close()
            raise

    @property
    def backend(self) -> str:
        """What computes what is kept of recordings, see Backend.name."""
        return self._finder.backend.name

    @property
    def computed(self) -> int:
        """Recordings that were not in the cache."""
        return self._finder.computed

    def name_of(self, path: Path) -> str:
        """Return the name in the cache of the people of a recording. Raises HarError."""
        return self._finder.name_of(path)

    def keep(self, path: Path) -> Path:
        """Return the file in the cache with the people of a recording. Raises HarError when no image can be read."""
        return self._finder.keep(path)

    @property
    def people(self) -> Mapping[Path, Path]:
        """Where the people of a recording are kept."""
        return self._finder.kept

    def close(self) -> None:
        """Free both networks."""
        self._finder.close()
        super().close()

    def look_at(self, path: Path, everybody: bool = False) -> list[Windows]:
        """Return the windows of the people of each camera of a recording. Raises HarError when there are none."""
        cameras = self._finder.look_at(path)
        first = min(int(camera.stamps[0]) for camera in cameras)
        found = [(camera, self._windows(camera)) for camera in cameras]
        if not any(windows for _, windows in found):
            raise ConfigurationError(f"nobody is seen long enough in {path}; remove it, or show people larger")
        who: Person = "all" if everybody else self._person
        return [_joined(camera, first, windows, who) for camera, windows in found if windows]

    def _windows(self, people: People) -> list[SeenWindow[_Seen]]:
        """Return the windows of everybody, in the order of their ends."""
        everybody = people.skeletons()
        gatherers = {}
        for person, skeletons in everybody.items():
            memory = self.network.new_memory()

            def see(clip: Clip, person: int = person, memory: NewestSkeletons = memory) -> _Seen:
                shown = people.looks[np.searchsorted(people.stamps[:-1], clip.stamps)]
                return _Seen(person, self._embeddings(clip, memory), shown, *_size_and_motion(clip))

            stream = Stream(memory, self.card, StreamSettings())
            gatherer = Gatherer[SkeletonFrame, _Seen](stream, hop_of(self.network.length), see)
            for skeleton in skeletons:
                gatherer.take(skeleton)
            gatherers[person] = gatherer
        if not any(gatherer.found for gatherer in gatherers.values()) and everybody:
            longest = max(everybody, key=lambda person: len(everybody[person]))
            with suppress(ConfigurationError):  # too short for that
                gatherers[longest].fill_up(lambda: everybody[longest], people.camera)
        found = [window for gatherer in gatherers.values() for window in gatherer.found]
        return sorted(found, key=lambda window: window.end)

    def _embeddings(self, clip: Clip, memory: NewestSkeletons) -> NDArray[np.float32]:
        views = [clip]
        if self._mirror:
            views.append(replace(clip, frames=mirrored(clip.frames)))
        answers = self.network.run(views, [memory] * len(views))
        return np.stack([answer.probabilities for answer in answers if answer is not None])


def _size_and_motion(clip: Clip) -> tuple[float, float]:
    """Return the person's size and motion, see _Seen; 0 where too little is visible."""
    skeletons = clip.frames[:, :-1]
    visible = skeletons[:, :, 2] >= VISIBLE
    points = np.where(visible[:, :, None], skeletons[:, :, :2], np.nan)
    step = max(1, len(points) // STEPS)
    with warnings.catch_warnings():  # of frames and joints of which nothing is visible
        warnings.simplefilter("ignore", RuntimeWarning)
        size = np.nanmedian(np.linalg.norm(np.nanmax(points, axis=1) - np.nanmin(points, axis=1), axis=1))
        moved = np.nanmean(np.linalg.norm(points[step:] - points[:-step], axis=2))
    return float(np.nan_to_num(size)), float(np.nan_to_num(moved / max(size, 1)))


def _joined(people: People, first: int, windows: Sequence[SeenWindow[_Seen]], who: Person) -> Windows:
    """Return the windows of those who count."""
    start, end = (np.array([getattr(window, name) for window in windows], np.int64) for name in ("start", "end"))
    seen = [window.seen for window in windows]
    measure = np.array([one.size if who == "largest" else one.motion for one in seen])
    alone = one_at_a_time(start, end, np.array([one.person for one in seen]), measure)
    looks = np.stack([one.looks for one in seen])
    looks[~alone] = 0  # the same moments are not looked at for near-duplicates twice
    kept = slice(None) if who == "all" else alone
    embeddings = np.stack([one.embeddings for one in seen])
    return Windows(people.camera, first, start[kept], end[kept], embeddings[kept], looks[kept])


def one_at_a_time(
    start: NDArray[np.int64], end: NDArray[np.int64], person: NDArray[np.int64], measure: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Choose of n windows so that no two people have any at the same time, those with the greatest measure first."""
    chosen = np.zeros(len(start), bool)
    for number in np.argsort(-measure, kind="stable").tolist():
        meets = (start < end[number]) & (end > start[number]) & (person != person[number])
        chosen[number] = not (chosen & meets).any()
    return chosen

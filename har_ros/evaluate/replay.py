"""The node's work on the clock of a recording: the same streams, rules and scores, and no hurry.

Without an inference time every window that becomes ready runs, as in a node whose network is fast enough. With one, the
network is busy for so long, on the recording's clock, and windows are dropped as the node would drop them.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from har_ros.errors import HarError, ImageError, ModelError, error_text
from har_ros.frames.compressed import AnyImage
from har_ros.frames.sampling import StreamSettings
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scheduler import Turns
from har_ros.pipeline.scores import Prediction, ScoreSettings
from har_ros.pipeline.stream import Stream
from har_ros.recordings.recording import Recorded


@dataclass
class Counts:
    """What became of one camera's images and windows. first, last: stamps, nanoseconds; None without images."""

    frame_id: str = ""
    first: int | None = None
    last: int | None = None
    frames: int = 0
    frames_broken: int = 0
    frames_overtaken: int = 0
    frames_repeated: int = 0
    frames_unstamped: int = 0
    gaps: int = 0
    clock_jumps: int = 0
    size_changes: int = 0
    windows: int = 0
    windows_dropped_busy: int = 0
    windows_dropped_restart: int = 0
    windows_failed: int = 0
    last_error: str = ""

    @property
    def windows_expected(self) -> int:
        """Number of windows that became ready."""
        return self.windows + self.windows_dropped_busy + self.windows_dropped_restart + self.windows_failed

    @property
    def too_short(self) -> bool:
        """Whether there were images, and too few for a window."""
        return self.frames > self.frames_broken and not self.windows_expected


class ReplayedCamera:
    """One camera: its stream, and what it said last."""

    def __init__(self, name: str, stream: Stream) -> None:
        self.name = name
        self.stream = stream
        self.clip = ShortClip()
        self.counts = Counts()
        self.prediction: Prediction | None = None

    def push(self, image: AnyImage) -> bool:
        """Take an image; returns whether a window is ready. Raises ImageError."""
        stream, counts = self.stream, self.counts
        before, restarts = stream.windows_dropped, self.restarts
        ready = stream.push(image)
        self.clip.take(image.stamp)
        if counts.first is None:
            counts.first, counts.frame_id = image.stamp, image.frame_id
        counts.first = min(counts.first, image.stamp)
        counts.last = max(counts.last or image.stamp, image.stamp)
        if self.restarts > restarts:
            counts.windows_dropped_restart += stream.windows_dropped - before
        else:
            counts.windows_dropped_busy += stream.windows_dropped - before
        return ready

    @property
    def restarts(self) -> int:
        """How often its window started again."""
        return self.stream.gaps + self.stream.clock_jumps + self.stream.size_changes

    def settle(self) -> Counts:
        """Return the counts, complete."""
        stream = self.stream
        self.counts.frames_overtaken, self.counts.frames_repeated = stream.frames_overtaken, stream.frames_repeated
        self.counts.gaps, self.counts.clock_jumps = stream.gaps, stream.clock_jumps
        self.counts.size_changes = stream.size_changes
        return self.counts


@dataclass(frozen=True)
class Seen:
    """A result. started, published: when, nanoseconds on the recorder's clock. restarts: of its camera's window.

    padded: the clip is shorter than a window and was played again to fill it.
    """

    camera: str
    result: Result
    started: int
    published: int
    restarts: int
    padded: bool = False


class Replay:
    """Feeds images to a recognizer, one after the other."""

    def __init__(
        self,
        recognizer: Recognizer,
        cameras: Sequence[str],
        streams: StreamSettings,
        scores: ScoreSettings,
        *,
        inference_time: float = 0.0,
    ) -> None:
        """inference_time: seconds for which a run keeps the network busy, 0 for none."""
        self.cameras = {name: ReplayedCamera(name, recognizer.stream(streams)) for name in cameras}
        self.inference_times = array("d")  # seconds that the runs took here
        self._recognizer = recognizer
        self._scores = scores
        self._busy = round(inference_time * 1e9)
        self._turns: Turns[ReplayedCamera] = Turns()
        self._since: dict[ReplayedCamera, int] = {}  # when those that are ready became so
        self._free_at = 0
        self._running: list[Seen] | None = None

    def play(self, images: Iterable[Recorded]) -> Iterator[Seen | Recorded]:
        """Take all images. Yields each result when it is published, and each image when it has been taken.

        Raises what `images` raises; the counts are right then, too.
        """
        for recorded in images:
            yield from self._advance(recorded.arrival)
            camera = self.cameras[recorded.camera]
            camera.counts.frames += 1
            try:
                if self._push(camera, recorded):
                    self._turns.offer(camera, camera.stream.idle)
                    self._since.setdefault(camera, recorded.arrival)
            except Exception as error:  # as in the node
                camera.counts.frames_broken += 1
                camera.counts.last_error = error_text(error)
            if not self._busy:
                yield from self._advance(None)
            yield recorded
        yield from self._advance(None)

    def fill_up(self, images: Callable[[], Iterable[Recorded]], name: str) -> Iterator[Seen]:
        """Play a clip that is shorter than a window again, until there is one; it has the stamps of the whole clip.

        images: reads the clip from its beginning. name: what an error calls it. Raises ConfigurationError when it is
        too short for that, and BagError.
        """
        for camera in self.cameras.values():
            if camera.clip.count and not camera.counts.windows_expected:
                yield from self._fill_up(camera, images, name)

    def _fill_up(self, camera: ReplayedCamera, images: Callable[[], Iterable[Recorded]], name: str) -> Iterator[Seen]:
        def own() -> Iterator[AnyImage]:
            for recorded in images():
                if recorded.camera == camera.name and not isinstance(recorded.image, ImageError):
                    yield recorded.image

        clip = camera.clip
        for image in clip.again(own, camera.stream, name):
            ready = False
            with suppress(ImageError):
                ready = camera.stream.push(image)
            if not ready:
                continue
            seen = self._answers([camera], clip.end)
            if seen:
                result = dataclasses.replace(seen[0].result, start=clip.start, end=clip.end, until=clip.end)
                yield from self._publish([dataclasses.replace(seen[0], result=result, padded=True)])
            if camera.counts.windows_expected:
                return

    def counts(self) -> dict[str, Counts]:
        """Return the counts of each camera so far."""
        return {name: camera.settle() for name, camera in self.cameras.items()}

    def _push(self, camera: ReplayedCamera, recorded: Recorded) -> bool:
        image = recorded.image
        if isinstance(image, HarError):
            raise image
        if image.stamp == 0:
            camera.counts.frames_unstamped += recorded.arrival != 0
            image = dataclasses.replace(image, stamp=recorded.arrival)
        return camera.push(image)

    def _advance(self, now: int | None) -> Iterator[Seen]:
        """Do all that happens before `now`, None for all that is left. Yields what is published."""
        while True:
            if self._running is not None:
                if now is not None and self._free_at > now:
                    return
                yield from self._publish(self._running)
                self._running = None
            if not self._since:
                return
            start = max(self._free_at, min(self._since.values()))
            if now is not None and start >= now:
                return
            self._running = self._run(start)

    def _run(self, start: int) -> list[Seen]:
        limit = self._recognizer.network.backend.max_batch if self._busy else 1
        cameras = self._turns.take(limit)
        for camera in cameras:
            del self._since[camera]
        return self._answers(cameras, start)

    def _answers(self, cameras: Sequence[ReplayedCamera], start: int) -> list[Seen]:
        """Run the network on what is ready of these cameras. Returns the results, which wait to be published."""
        self._free_at = start + self._busy
        try:
            results = self._recognizer.recognize([camera.stream for camera in cameras], self._scores)
        except Exception as error:  # as in the node
            results = [ModelError(error_text(error))] * len(cameras)
        seen = []
        for camera, result in zip(cameras, results, strict=True):
            if isinstance(result, ModelError):
                camera.counts.windows_failed += 1
                camera.counts.last_error = str(result)
            elif result is not None:
                seen.append(Seen(camera.name, result, start, self._free_at, camera.restarts))
        self.inference_times.extend([one.result.inference_time for one in seen[:1]])
        return seen

    def _publish(self, results: list[Seen]) -> Iterator[Seen]:
        for seen in results:
            camera = self.cameras[seen.camera]
            camera.counts.windows += 1
            camera.prediction = seen.result.prediction
            yield seen

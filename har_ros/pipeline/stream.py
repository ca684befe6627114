"""One camera: how its images enter its window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum, auto
from threading import Lock

from har_ros.frames.sampling import LATE, SECOND, StreamSettings, sampler
from har_ros.frames.window import Clip, Frame, FrameWindow
from har_ros.models.card import ModelCard
from har_ros.networks.kind import Memory
from har_ros.pipeline.idleness import Idleness
from har_ros.pipeline.scores import Scores


class Arrival(Enum):
    """How an image relates to the ones before it."""

    NEXT = auto()
    REPEATED = auto()  # it has the stamp of the one before, and is left out
    OVERTAKEN = auto()  # it came after a newer one, and is left out
    FIRST = auto()
    AFTER_A_GAP = auto()  # no image had come, or none was taken, for max_gap seconds: the window begins again
    CLOCK_WENT_BACK = auto()  # the window begins again
    RESIZED = auto()  # the window begins again, where every frame counts


LEFT_OUT = (Arrival.REPEATED, Arrival.OVERTAKEN)


class Stream:
    """One camera. `push` from one thread while another recognises: neither waits for the network."""

    def __init__(
        self,
        memory: Memory,
        card: ModelCard,
        settings: StreamSettings,
        labels: tuple[str, ...] = (),
        stateless: bool = False,
    ) -> None:
        """Use Recognizer.stream. stateless: whether windows may be left out, see StreamSettings.idle.

        Raises ConfigurationError when the settings do not fit the network.
        """
        memory.configure(card.window, settings)
        self.memory = memory
        self.scores = Scores(labels)
        self._resize = card.input.resize
        self._spec = card.window
        self._settings = settings
        self._sampler = sampler(card.window, settings)
        self._stateless = stateless
        self._idleness = self._new_idleness()
        self.windows_idle = 0  # that were left out because nothing moved in them
        self._last_stamp: int | None = None
        self._size: tuple[int, int] | None = None
        self._arrivals: Counter[Arrival] = Counter()
        self._lock = Lock()

    @property
    def fill(self) -> int:
        """Number of frames in the window so far."""
        return self.memory.fill

    @property
    def length(self) -> int:
        """Number of frames in a full window."""
        return self.memory.length

    @property
    def ready(self) -> bool:
        """Whether there is something new to recognise."""
        return self.memory.window.ready

    @property
    def windows_dropped(self) -> int:
        """Number of ready windows, or steps, that newer frames replaced or a restart lost before they were lent."""
        return self.memory.window.dropped

    def begin(self, silent: bool) -> None:
        """Count windows from now on: until now there was no network. silent: none that is ready is of now."""
        with self._lock:
            if silent and self.ready:
                self._leave_out()
            self.memory.window.dropped = self.windows_idle = 0

    @property
    def frames_overtaken(self) -> int:
        """Number of images that came after a newer one and were left out."""
        return self._arrivals[Arrival.OVERTAKEN]

    @property
    def frames_repeated(self) -> int:
        """Number of images with the stamp of the one before, which were left out."""
        return self._arrivals[Arrival.REPEATED]

    @property
    def gaps(self) -> int:
        """How often the window began again because no image had come, or none was taken, for max_gap seconds."""
        return self._arrivals[Arrival.AFTER_A_GAP] + self.memory.gaps

    @property
    def clock_jumps(self) -> int:
        """How often the window began again because the stamps went back."""
        return self._arrivals[Arrival.CLOCK_WENT_BACK]

    @property
    def size_changes(self) -> int:
        """How often the window began again because the images' size changed, which spoils a state."""
        return self._arrivals[Arrival.RESIZED]

    @property
    def idle(self) -> bool:
        """Whether nothing moves in the picture, and windows are left out."""
        idleness = self._idleness  # which another thread may replace
        return idleness is not None and idleness.since is not None

    @property
    def still(self) -> float:
        """Seconds since the last movement where the camera is idle, else 0."""
        idleness = self._idleness
        since = idleness.since if idleness else None
        return 0.0 if since is None or self._last_stamp is None else (self._last_stamp - since) / SECOND

    @property
    def extent(self) -> str:
        """What a full window spans, in seconds or frames."""
        return self._sampler.extent(self.length)

    def configure(self, settings: StreamSettings) -> None:
        """Use other settings from now on; when the sampling changes, the window begins again.

        Raises ConfigurationError.
        """
        if settings == self._settings:
            return
        self.memory.configure(self._spec, settings)
        with self._lock:
            before, self._settings = self._settings, settings
            if (settings.skip_frames, settings.sample_rate) != (before.skip_frames, before.sample_rate):
                self._sampler = sampler(self._spec, settings)
                self._last_stamp = None
            if settings.idle != before.idle:
                self._idleness = self._new_idleness()

    def _new_idleness(self) -> Idleness | None:
        return Idleness() if self._settings.idle == "auto" and self._stateless else None

    def push(self, image: Frame) -> bool:
        """Take the camera's next image. Returns whether there is something new to recognise.

        An image that comes twice, or after a newer one, is left out. Raises ImageError; the window is then as it was.
        """
        with self._lock:
            size = image.size if self.memory.continual else None
            arrival = self._arrival(image.stamp, size)
            if arrival in LEFT_OUT:
                self._arrivals[arrival] += 1
                return False
            places = self._sampler.due(image.stamp) if arrival is Arrival.NEXT else 1
            if places:
                image.write(self.memory.window.slot(), self._resize)
            if arrival is not Arrival.NEXT:  # what came before is another scene
                self._arrivals[arrival] += 1
                self._sampler.start(image.stamp)
                self.memory.window.reset()
                if self._idleness:
                    self._idleness.reset()
            if places and self._idleness:
                self._idleness.watch(self.memory.window.slot(), image.stamp, places, self.length)
            return self._enter(image, places, size)

    def push_still(self, image: Frame, images: int) -> bool | None:
        """Take the newest of an idle camera's next images if nothing moves in it, see push; None: it is not taken.

        It stands for all of them, which need not be pushed; else it is pushed after the others. Raises ImageError.
        """
        with self._lock:
            if self._idleness is None or not self.idle or self._arrival(image.stamp, None) is not Arrival.NEXT:
                return None
            slot, places = self.memory.window.slot(), self._sampler.due(image.stamp, images)
            image.write(slot, self._resize)
            if not self._idleness.watch(slot, image.stamp, places, self.length, only_still=True):
                return None
            return self._enter(image, places, None, images)

    def _enter(self, image: Frame, places: int, size: tuple[int, int] | None, images: int = 1) -> bool:
        """Put what is in the slot into the window, if it has places there. Returns what push returns."""
        self._sampler.take(places, images)
        self._last_stamp, self._size = image.stamp, size or self._size  # a damaged image may not say its size
        if not places:
            return False
        self.memory.window.commit(image.stamp, image.frame_id, places)
        return self.ready and self._offers(image.stamp)

    def _offers(self, end: int) -> bool:
        """Return whether the network should have the window that is ready and ends here, else leave it out."""
        if self._idleness is None or self._idleness.offers(end):
            return True
        self._leave_out()
        self.windows_idle += 1
        return False

    def _leave_out(self) -> None:
        """Leave the window out that is ready."""
        assert isinstance(self.memory.window, FrameWindow)  # of all networks that are stateless
        self.memory.window.skip()

    def _arrival(self, stamp: int, size: tuple[int, int] | None) -> Arrival:
        if self._last_stamp is None:
            return Arrival.FIRST
        step = stamp - self._last_stamp
        if step == 0:
            return Arrival.REPEATED
        if step < 0:
            return Arrival.OVERTAKEN if step >= -LATE else Arrival.CLOCK_WENT_BACK
        if step > self._settings.max_gap * 1e9 > 0:
            return Arrival.AFTER_A_GAP
        return Arrival.RESIZED if size not in (None, self._size) else Arrival.NEXT

    @contextmanager
    def window(self) -> Iterator[Clip | None]:
        """Lend the newest frames, once; None when there are no new ones. They stay as they are in the block."""
        with self._lock:
            clip = self.memory.window.hold() if self.ready else None
            if clip is not None and self._idleness:
                held = self._idleness.lend(clip.end)
                clip = replace(clip, idle=self.idle, held=held)
        try:
            yield clip
        finally:
            if clip is not None:
                with self._lock:
                    self.memory.window.release()

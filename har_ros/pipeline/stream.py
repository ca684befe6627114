"""One camera: its frames on their way into a window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from har_ros.frames.compressed import AnyImage, decode
from har_ros.frames.pixels import write_rgb
from har_ros.frames.sampling import StreamSettings, sampler
from har_ros.frames.window import Clip
from har_ros.models.card import ModelCard
from har_ros.networks.continual import Columns, ContinualNetwork
from har_ros.networks.kind import Memory, Network
from har_ros.pipeline.scores import Scores

LATE = 100_000_000
"""Nanoseconds by which an image may be older than the newest: it was overtaken; by more, the clock went back."""


class Stream:
    """One camera. `push` from one thread while another recognises: neither waits for the network."""

    def __init__(self, card: ModelCard, labels: tuple[str, ...], network: Network, settings: StreamSettings) -> None:
        """Allocate the window; Recognizer.stream does it. Raises ConfigurationError when the settings do not fit."""
        self.memory: Memory | None = network.new_memory()
        self.scores = Scores(labels)
        self._card = card
        self._network = network
        self._window = network.new_window(card.input.height, card.input.width)
        self._settings = settings
        self._sampler = sampler(card.window, settings)
        self._last_stamp: int | None = None
        self._size: tuple[int, int] | None = None
        self._lock = Lock()
        self.frames_overtaken = 0  # images that came after a newer one and were left out
        self.frames_repeated = 0  # images with the stamp of the one before, left out
        self._gaps = 0
        self.clock_jumps = 0  # how often it did because the stamps went back
        self.size_changes = 0  # how often it did because the images' size changed, which spoils a state
        self._remember(settings)

    @property
    def fill(self) -> int:
        """Number of frames in the window so far."""
        if self.memory is None:
            return self._window.fill
        return self.memory.fill if self.memory.restarts == self._window.restarts else 0

    @property
    def length(self) -> int:
        """Number of frames in a full window."""
        return self.memory.length if self.memory else self._network.length

    @property
    def windows_dropped(self) -> int:
        """Number of ready windows, or steps, that newer frames replaced or a restart lost before they were lent."""
        return self._window.dropped

    @property
    def gaps(self) -> int:
        """How often the window began anew because no image had come, or none was taken, for max_gap seconds."""
        return self._gaps + (self.memory.gaps if isinstance(self.memory, Columns) else 0)

    @property
    def extent(self) -> str:
        """What a full window spans, in seconds or frames."""
        return self._sampler.extent(self.length)

    def configure(self, settings: StreamSettings) -> None:
        """Go on with other settings; with another way of sampling the window begins anew. Raises ConfigurationError."""
        self._remember(settings)
        with self._lock:
            before, self._settings = self._settings, settings
            if (settings.skip_frames, settings.sample_rate) != (before.skip_frames, before.sample_rate):
                self._sampler = sampler(self._card.window, settings)
                self._last_stamp = None

    def push(self, image: AnyImage) -> bool:
        """Take the camera's next image. Returns whether there is something new to recognise.

        An image that comes twice, or after a newer one, is left out. Raises ImageError; the window is then as it was.
        """
        with self._lock:
            step = None if self._last_stamp is None else image.stamp - self._last_stamp
            if step == 0:
                self.frames_repeated += 1
                return False
            if step is not None and -LATE <= step < 0:
                self.frames_overtaken += 1
                return False
            gap = step is not None and step > self._settings.max_gap * 1e9 > 0
            size = image.size if self._network.step else None
            resized = step is not None and size not in (None, self._size)
            anew = step is None or step < 0 or gap or resized
            if places := 1 if anew else self._sampler.due(image.stamp):
                self._write(image)
            if anew:  # what came before a pause, before the clock went back, or in another size is another scene
                self._restart(image.stamp)
                self._gaps += gap
                self.clock_jumps += step is not None and step < 0
                self.size_changes += resized
            self._sampler.take(places)
            self._last_stamp, self._size = image.stamp, size or self._size  # a damaged image may not say its size
            if places:
                self._window.commit(image.stamp, image.frame_id, places)
            return bool(places) and self._window.ready

    def _remember(self, settings: StreamSettings) -> None:
        if isinstance(self.memory, Columns) and isinstance(self._network, ContinualNetwork):
            self.memory.columns = self._network.averaged(self._card.window, settings)
            self.memory.max_gap = settings.max_gap

    def _write(self, image: AnyImage) -> None:
        slot, resize = self._window.slot(), self._card.input.resize
        write_rgb(decode(image, resize, *slot.shape[:2]), resize, slot)

    def _restart(self, stamp: int) -> None:
        self._sampler.start(stamp)
        self._window.reset()

    @contextmanager
    def window(self) -> Iterator[Clip | None]:
        """Lend the newest frames, once; None when there are no new ones. They stay as they are in the block."""
        with self._lock:
            clip = self._window.hold() if self._window.ready else None
        try:
            yield clip
        finally:
            if clip is not None:
                with self._lock:
                    self._window.release()

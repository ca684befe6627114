"""The way of a frame without ROS: Stream (one camera) collects it, Recognizer (the network) says what it shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock

from har_ros.backends import BackendSettings, load_backend
from har_ros.card import ModelCard
from har_ros.compressed import AnyImage, decode
from har_ros.continual import Columns, ContinualNetwork
from har_ros.errors import ModelError
from har_ros.models.check import prepare
from har_ros.models.locate import find_model
from har_ros.models.prepare import PreparedNetwork
from har_ros.networks import ClipNetwork, EncoderDecoder, Load, Memory, Network
from har_ros.pixels import write_rgb
from har_ros.sampling import StreamSettings, sampler
from har_ros.scores import Prediction, Scores, ScoreSettings
from har_ros.window import Clip

LATE = 100_000_000
"""Nanoseconds by which an image may be older than the newest: it was overtaken; by more, the clock went back."""


KINDS: dict[str, Callable[[tuple[PreparedNetwork, ...], Load], Network]] = {
    "clip": ClipNetwork,
    "encoder-decoder": EncoderDecoder,
    "continual": ContinualNetwork,
}
"""A card's kind, or "continual" → how its networks are loaded."""


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


@dataclass(frozen=True)
class Result:
    """What the network said of a window.

    start, end: stamps of its first and last frame, in nanoseconds. frame_id: of the last frame. frames: how many.
    inference_time: seconds that the network took, for all windows that ran together.
    """

    prediction: Prediction
    start: int
    end: int
    frame_id: str
    frames: int
    inference_time: float


class Recognizer:
    """A network ready to run. Use it from one thread at a time; close it with `with`."""

    def __init__(self, card: ModelCard, labels: tuple[str, ...], network: Network) -> None:
        self.card = card
        self.labels = labels
        self.network = network

    @classmethod
    def open(
        cls,
        model: str,
        settings: BackendSettings = BackendSettings(),
        *,
        frames: int = 0,
        labels: str = "",
        input_blob: str = "",
        output_blob: str = "",
        continual: bool | None = None,
    ) -> Recognizer:
        """Find the model, load it, and try it once. Raises HarError.

        model: a card's name, or the path of a card, of its folder, or of a network file. frames: the window's length,
        0 as the card says. labels, input_blob, output_blob: a label file and tensor names in place of the card's.
        continual: let a clip network take each frame once, in steps, and keep its state; None: as the card says.
        """
        found = find_model(model, labels, input_blob, output_blob)
        continual = found.card.continual if continual is None else continual
        prepared = prepare(found, frames, continual)
        kind = "continual" if continual else found.card.kind
        network = KINDS[kind](prepared, lambda one: load_backend(one, settings))
        recognizer = cls(found.card, found.labels(), network)
        try:
            recognizer._try()
        except BaseException:  # Ctrl-C, too: a backend may have threads, which go on
            recognizer.close()
            raise
        return recognizer

    def _try(self) -> None:
        """Run the network on black frames until it answers, and compare the answer with the card."""
        memory = self.network.new_memory()
        window = self.network.new_window(self.card.input.height, self.card.input.width)
        answer = None
        while answer is None:
            window.slot()[:] = 0
            window.commit(0)
            if window.ready:
                clip = window.hold()
                [answer] = self.network.run([clip], [memory])
        if answer.probabilities.shape != (len(self.labels),):
            raise ModelError(
                f"{self.card.name} gives {answer.probabilities.size} numbers for {len(self.labels)} labels; "
                "mend its card, or give a file with the right labels"
            )
        Scores(self.labels).predict(answer.probabilities, clip, ScoreSettings())  # finite?
        if not ((answer.probabilities >= -0.01) & (answer.probabilities <= 1.01)).all():
            raise ModelError(f"{self.card.name} gives numbers outside 0…1; its card should say outputs: logits")

    def check(self, settings: StreamSettings) -> None:
        """Raise ConfigurationError when a camera cannot have these settings."""
        if isinstance(self.network, ContinualNetwork):
            self.network.averaged(self.card.window, settings)

    def summary(self, settings: StreamSettings) -> str:
        """Say in words what runs, and of which frames it speaks. Raises ConfigurationError."""
        network, frames = self.network, sampler(self.card.window, settings)
        if isinstance(network, ContinualNetwork):
            length = network.frames(network.averaged(self.card.window, settings))
            what = (
                f"continual: every {network.step} frames an answer of what was {network.delay} to {length} frames ago"
            )
        else:
            length = network.length
            what = f"windows of {length} frames"
        return f"{network.backend.name}; {what}, spanning {frames.extent(length)}"

    def stream(self, settings: StreamSettings = StreamSettings()) -> Stream:
        """Return the window of another camera. Raises ConfigurationError when the settings do not fit."""
        return Stream(self.card, self.labels, self.network, settings)

    def recognize(
        self,
        streams: Sequence[Stream],
        settings: ScoreSettings = ScoreSettings(),
        failed: dict[Stream, ModelError] | None = None,
    ) -> list[Result | None]:
        """Run the network on what is new in the streams, together where it can.

        None for a stream that has nothing new, or whose window is not full yet.
        failed: takes the error of each stream whose answer cannot be used, so that the others have theirs; without it
        the first is raised. Raises ModelError also when the network fails.
        """
        with ExitStack() as stack:
            lent = [stack.enter_context(stream.window()) for stream in streams]
            new = [(stream, clip) for stream, clip in zip(streams, lent, strict=True) if clip is not None]
            if not new:
                return [None] * len(streams)
            start = time.perf_counter()
            answers = self.network.run([clip for _, clip in new], [stream.memory for stream, _ in new])
            inference_time = time.perf_counter() - start
        results: dict[Stream, Result] = {}
        for (stream, clip), answer in zip(new, answers, strict=True):
            if answer is None:
                continue
            try:
                prediction = stream.scores.predict(answer.probabilities, clip, settings)
            except ModelError as error:
                if failed is None:
                    raise
                failed[stream] = error
                continue
            results[stream] = Result(prediction, answer.start, clip.end, clip.frame_id, stream.length, inference_time)
        return [results.get(stream) for stream in streams]

    def close(self) -> None:
        """Free the network."""
        self.network.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

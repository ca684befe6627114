"""A loaded network, and its answers to the windows of streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ModelError
from har_ros.frames.sampling import StreamSettings, sampler
from har_ros.frames.window import Clip
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.models.card import ModelCard
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.networks.clip import ClipNetwork, memory_of
from har_ros.networks.kind import Answer, Network
from har_ros.networks.kinds import KINDS
from har_ros.pipeline.scores import Prediction, Scores, ScoreSettings
from har_ros.pipeline.stream import Stream


@dataclass(frozen=True)
class Result:
    """The network's answer to a window.

    start, end: stamps of its first and last frame, in nanoseconds. frame_id: of the last frame. frames: how many.
    inference_time: seconds that the network took, for all windows that ran together. until: stamp of the last frame of
    which the answer speaks, earlier than `end` where the network is continual. restarts: how often the stream's window,
    or the network's state, had begun again. distance: see Measure. backend: what ran the network. idle, held: see Clip.
    """

    prediction: Prediction
    start: int
    end: int
    frame_id: str
    frames: int
    inference_time: float
    until: int
    restarts: int
    distance: float | None = None
    backend: str = ""
    idle: bool = False
    held: int | None = None


Measure = Callable[[Clip, Any], float | None]
"""Takes a window and its stream's memory; returns its distance from what the network was taught, or None."""


@dataclass(frozen=True)
class FoundNetwork:
    """A network that fits its card, not loaded yet. kind: one of KINDS. settings: what is to run it."""

    card: ModelCard
    labels: tuple[str, ...]
    kind: str
    networks: tuple[PreparedNetwork, ...]
    settings: BackendSettings

    @property
    def fills_early(self) -> bool:
        """Whether windows can fill before it is loaded: it takes frames when they are full, and none before."""
        return KINDS[self.kind] is ClipNetwork

    def stream(self, settings: StreamSettings) -> Stream:
        """Return a camera's window for the recognizer that `load` gives; ask `fills_early` first."""
        return Stream(memory_of(*self.networks), self.card, settings, self.labels, ClipNetwork.stateless)

    def load(self) -> Recognizer:
        """Load it, and run it once. Raises HarError."""
        network = KINDS[self.kind](self.networks, lambda one: load_backend(one, self.settings))
        recognizer = Recognizer(self.card, self.labels, network)
        try:
            recognizer.try_once()
        except BaseException:  # Ctrl-C, too: a backend may have threads, which go on
            recognizer.close()
            raise
        return recognizer


class Recognizer:
    """A network ready to run. Use it from one thread at a time; close it with `with`."""

    def __init__(
        self, card: ModelCard, labels: tuple[str, ...], network: Network[Any], measure: Measure | None = None
    ) -> None:
        """measure: of the windows that were recognised; its time is not part of inference_time."""
        self.card = card
        self.labels = labels
        self.network = network
        self._measure = measure

    @classmethod
    def open(cls, model: str, settings: BackendSettings = BackendSettings(), **options: Any) -> Recognizer:
        """Find the model, load it, and run it once; the options are those of `find`. Raises HarError."""
        return cls.find(model, settings, **options).load()

    @staticmethod
    def find(
        model: str,
        settings: BackendSettings = BackendSettings(),
        *,
        frames: int = 0,
        labels: str = "",
        input_blob: str = "",
        output_blob: str = "",
        continual: bool | None = None,
        skeletons: bool = False,
    ) -> FoundNetwork:
        """Find the model, and compare its card with its files. Raises HarError.

        model: a card's name, or the path of a card, of its folder, or of a network file. frames: the window's length,
        0 as the card says. labels, input_blob, output_blob: a label file and tensor names instead of the card's.
        continual: let a clip network take each frame once, in steps, and keep its state; None: as the card says.
        skeletons: whether its streams can be given skeletons, else a network that takes them is refused.
        """
        found = find_model(model, labels, input_blob, output_blob)
        if not skeletons:
            _ = found.card.images  # raises where there are none
        continual = found.card.continual if continual is None else continual
        kind = "continual" if continual else found.card.kind
        return FoundNetwork(found.card, found.labels(), kind, prepared_networks(found, frames, continual), settings)

    def try_once(self) -> None:
        """Run the network on black frames until it answers, and compare the answer with the card. Raises ModelError."""
        memory = self.network.new_memory()
        window, answer = memory.window, None
        while answer is None:
            window.slot()[:] = 0
            window.commit(0)
            if window.ready:
                clip = window.hold()
                [answer] = self.network.run([clip], [memory])
        if answer.probabilities.shape != (len(self.labels),):
            raise ModelError(
                f"{self.card.name} gives {answer.probabilities.size} numbers for {len(self.labels)} labels; "
                "fix its card, or give a file with the right labels"
            )
        Scores(self.labels).predict(answer.probabilities, clip, ScoreSettings())  # finite?
        if not ((answer.probabilities >= -0.01) & (answer.probabilities <= 1.01)).all():
            raise ModelError(f"{self.card.name} gives numbers outside 0…1; its card should say outputs: logits")

    def check(self, settings: StreamSettings) -> None:
        """Raise ConfigurationError when a camera cannot have these settings."""
        self.network.length_with(self.card.window, settings)

    def summary(self, settings: StreamSettings) -> str:
        """Describe in words what runs, and which frames a window spans. Raises ConfigurationError."""
        length = self.network.length_with(self.card.window, settings)
        extent = sampler(self.card.window, settings).extent(length)
        text = f"{self.network.backend.name}; {self.network.summary(length)}, spanning {extent}"
        if settings.idle != "off" and not self.network.stateless:
            return f"{text}; idle has no effect, since no frame may be missing for this network"
        return text

    def stream(self, settings: StreamSettings = StreamSettings()) -> Stream:
        """Return the window of another camera. Raises ConfigurationError when the settings do not fit."""
        memory = self.network.new_memory()
        return Stream(memory, self.card, settings, self.labels, self.network.stateless)

    def recognize(
        self, streams: Sequence[Stream], settings: ScoreSettings = ScoreSettings()
    ) -> list[Result | ModelError | None]:
        """Run the network on what is new in the streams, together where it can.

        Returns for each stream what was seen, an error when its answer cannot be used, or None when it has nothing
        new or its window is not full yet. Raises ModelError when the network fails for all of them.
        """
        with ExitStack() as stack:
            lent = [(stream, stack.enter_context(stream.window())) for stream in streams]
            new = [(stream, clip) for stream, clip in lent if clip is not None]
            start = time.perf_counter()
            answers = self.network.run([clip for _, clip in new], [stream.memory for stream, _ in new]) if new else []
            inference_time = time.perf_counter() - start
            results = {
                stream: self._result(stream, clip, answer, settings, inference_time)
                for (stream, clip), answer in zip(new, answers, strict=True)
            }
        return [results.get(stream) for stream in streams]

    def _result(
        self, stream: Stream, clip: Clip, answer: Answer | None, settings: ScoreSettings, inference_time: float
    ) -> Result | ModelError | None:
        if answer is None:
            return None
        try:
            prediction = stream.scores.predict(answer.probabilities, clip, settings)
            distance = self._measure(clip, stream.memory) if self._measure else None
        except ModelError as error:
            return error
        until = clip.end if answer.until is None else answer.until
        restarts = clip.restarts + stream.memory.gaps
        return Result(
            prediction,
            answer.start,
            clip.end,
            clip.frame_id,
            stream.length,
            inference_time,
            until,
            restarts,
            distance,
            self.network.backend.name,
            clip.idle,
            clip.held,
        )

    def close(self) -> None:
        """Free the network."""
        self.network.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""The way of a frame without ROS: Stream (one camera) collects it, Recognizer (the network) says what it shows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ModelError
from har_ros.frames.sampling import StreamSettings, sampler
from har_ros.models.card import ModelCard
from har_ros.models.check import prepare
from har_ros.models.locate import find_model
from har_ros.networks.continual import ContinualNetwork
from har_ros.networks.kind import Network
from har_ros.networks.load import KINDS
from har_ros.pipeline.scores import Prediction, Scores, ScoreSettings
from har_ros.pipeline.stream import Stream


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

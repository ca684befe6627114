"""`actionnet INPUT [OUTPUT]`: says what is done in a video, a folder of pictures, a camera or a stream."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from har_ros.commands.shared.options import values_of
from har_ros.errors import ConfigurationError, ModelError, VideoError
from har_ros.files.console import say
from har_ros.frames.pixels import CameraImage
from har_ros.pipeline.annotate import annotate, announce, draw_people
from har_ros.pipeline.configuration import open_recognizer, score_settings, stream_settings
from har_ros.pipeline.following import Following, PersonNetworks
from har_ros.pipeline.people import Person
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scores import Prediction
from har_ros.recordings.sink import Pixels, Screen, has_screen
from har_ros.recordings.source import Source, SourceFrame, open_source
from har_ros.recordings.video_file import VideoFile

SECOND = 1_000_000_000


def run(options: argparse.Namespace, messages: Console) -> int:
    """Recognise all of the input. Returns the exit status. Raises HarError."""
    if options.output and Path(options.output).absolute() == Path(options.input).absolute():
        raise ConfigurationError(f"the output {options.output!r} is the input, which it would overwrite; rename it")
    source = open_source(options.input)
    values = values_of(options, max_batch=1, max_gap=2.0 if source.live else 0.0)
    sink = VideoFile(Path(options.output), source.rate) if options.output else _screen(messages)
    finished: AbstractContextManager[object] = nullcontext() if sink is None else closing(sink)
    with finished, open_recognizer(values) as recognizer, ExitStack() as opened:
        persons = None
        if values["persons"]:
            persons = Following(opened.enter_context(PersonNetworks(values, recognizer)), values, recognizer.labels)
        recognition = Recognition(options, values, source, recognizer, persons)
        say(messages, recognizer.summary(recognition.settings))
        try:
            for frame in _shown(source, messages):
                recognition.take(frame)
                if sink is not None and not sink.show(recognition.annotated(frame)):
                    return 0
        finally:
            if source.dropped:
                say(messages, f"{source.dropped} frames were left out, because the network was too slow for them")
        if persons is not None and not recognition.report.person_windows:
            say(messages, "nobody was followed for long enough to fill a window; see --frames and --pose-size")
        if not recognition.report.windows:
            recognition.play_again(frame, messages)
            if isinstance(sink, VideoFile):
                sink.discard()  # its frames say "warming up"
                draw_all(options.input, VideoFile(sink.path, source.rate), recognition.report.prediction)
    return 0


class Recognition:
    """The way of a source's frames through the network."""

    def __init__(
        self,
        options: argparse.Namespace,
        values: dict[str, Any],
        source: Source,
        recognizer: Recognizer,
        persons: Following | None,
    ) -> None:
        """values: of the node's parameters. Raises ConfigurationError when they do not fit the network."""
        self.settings = stream_settings(values)
        self.report = Report(options.json, start=time.time_ns() if source.live else 0)
        self._scores = score_settings(values, recognizer.labels)
        self._uri = options.input
        self._source = source
        self._recognizer = recognizer
        self._persons = persons
        self._stream = recognizer.stream(self.settings)
        self._clip = ShortClip()

    def take(self, frame: SourceFrame) -> None:
        """Take the next frame; of a live source, only the newest window is run."""
        image = _image(frame)
        ready = self._stream.push(image)
        self._clip.take(frame.stamp)
        if ready and not (self._source.live and self._source.waiting):
            self.report.take(frame, self._recognize())
        if self._persons is not None:
            for person, result in self._persons.take(image):
                self.report.take_person(frame, person, result)

    def annotated(self, frame: SourceFrame) -> Pixels:
        """Draw into the frame what was said last."""
        if self.report.prediction is None:
            announce(frame.pixels, f"warming up {self._stream.fill}/{self._stream.length}")
        else:
            annotate(frame.pixels, self.report.prediction)
        if self._persons is not None:
            draw_people(frame.pixels, self._persons.present)
        return frame.pixels

    def play_again(self, last: SourceFrame, messages: Console) -> None:
        """Run a clip that is shorter than a window as in teaching; last: its last frame. Raises HarError."""
        source, extent = self._source, self._stream.extent
        if source.live:
            raise VideoError(
                f"{source.name} ended before its first window, which spans {extent}; set --frames, --sample-rate or "
                "--skip-frames"
            )
        say(messages, f"{source.name} is shorter than a window ({extent}), and played again to fill one")
        for image in self._clip.again(lambda: map(_image, open_source(self._uri)), self._stream, source.name):
            if self._stream.push(image) and (result := self._recognize()):
                whole = dataclasses.replace(result, start=self._clip.start, end=self._clip.end)
                self.report.take(last, whole)
                return

    def _recognize(self) -> Result | None:
        """Return what is seen in the newest window, None while it is filling. Raises ModelError."""
        [result] = self._recognizer.recognize([self._stream], self._scores)
        if isinstance(result, ModelError):
            raise result
        return result


def _image(frame: SourceFrame) -> CameraImage:
    return CameraImage.of_array(frame.pixels, frame.stamp)


def draw_all(uri: str, sink: VideoFile, prediction: Prediction | None) -> None:
    """Write all frames with the same answer. Raises HarError."""
    try:
        for frame in open_source(uri):
            if prediction is not None:
                annotate(frame.pixels, prediction)
            sink.show(frame.pixels)
    finally:
        sink.close()


class Report:
    """Prints what was recognised: a line for each window, or for each change of the best action."""

    def __init__(self, as_json: bool, start: int) -> None:
        """start: the stamp from which on lines count their seconds, in nanoseconds."""
        self._as_json = as_json
        self._start = start
        self._best: dict[str, str] = {}  # what was printed last of each subject
        self.windows = 0
        self.person_windows = 0
        self.prediction: Prediction | None = None

    def take(self, frame: SourceFrame, result: Result | None) -> None:
        """Take the result after a frame; None while the window is filling."""
        if result is None:
            return
        self.windows += 1
        self.prediction = result.prediction
        self._say(frame, result, {}, "")

    def take_person(self, frame: SourceFrame, person: Person, result: Result) -> None:
        """Take what a person does, as of the newest window of the person's own."""
        self.person_windows += 1
        track = person.track
        box = [round(side, 1) for side in track.box]
        self._say(frame, result, {"person": track.id, "box": box}, f"person {track.number}: ")

    def _say(self, frame: SourceFrame, result: Result, who: dict[str, Any], prefix: str) -> None:
        """Print the line of a result. who: what it says of a person. prefix: of the line, the same for one subject."""
        actions = [{"label": h.label, "score": round(h.score, 4)} for h in result.prediction.accepted]
        best = str(actions[0]["label"]) if actions else "nothing recognised"
        if self._as_json:
            start, end = result.start / SECOND, result.end / SECOND
            took = round(result.inference_time, 4)
            line = {"frame": frame.index, **who, "start": start, "end": end, "actions": actions, "inference_time": took}
            print(json.dumps(line), flush=True)
        elif best != self._best.get(prefix):
            score = f" {actions[0]['score']:.2f}" if actions else ""
            seconds = (frame.stamp - self._start) / SECOND
            print(f"frame {frame.index:6}  {seconds:8.2f} s  {prefix}{best}{score}", flush=True)
        self._best[prefix] = best


def _shown(source: Source, messages: Console) -> Iterator[SourceFrame]:
    """Yield the frames, with a progress bar on a terminal where their number is known."""
    counter = TextColumn("{task.completed:.0f}/{task.total:.0f}")
    columns = (TextColumn("{task.description}"), BarColumn(), counter, TimeRemainingColumn())
    hidden = not (messages.is_terminal and source.count)
    # on a terminal rich prints our lines above its bar; where they go to a file, it must not touch them
    with Progress(*columns, console=messages, disable=hidden, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task("frames", total=source.count)
        for frame in source:
            yield frame
            progress.update(task, completed=frame.index + 1)


def _screen(messages: Console) -> Screen | None:
    if not has_screen():
        say(messages, "nothing is shown, because there is no screen; give a file such as out.mp4 for annotated frames")
        return None
    try:
        return Screen()
    except ConfigurationError as error:
        say(messages, str(error))
        return None

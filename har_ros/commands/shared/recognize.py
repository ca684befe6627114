"""`actionnet INPUT [OUTPUT]`: says what is done in a video, a folder of pictures, a camera or a stream."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from har_ros.commands.shared.clock import Clock
from har_ros.commands.shared.event_log import EventLog, check_file
from har_ros.commands.shared.options import values_of
from har_ros.errors import ConfigurationError, ModelError, VideoError
from har_ros.files.console import say
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.recognition import ImageResult, Networks, Recognition
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scores import Prediction
from har_ros.recordings.live import NEVER
from har_ros.recordings.sink import Screen, has_screen
from har_ros.recordings.source import Source, SourceFrame, open_source
from har_ros.recordings.video_file import VideoFile, has_times
from har_ros.recordings.watching import annotated, draw_all, play_again, readable, show, window_row

MOST_SUBJECTS = 1000
"""People whose last action is remembered; a camera may run for weeks."""


def run(options: argparse.Namespace, messages: Console) -> int:
    """Recognise all of the input. Returns the exit status. Raises HarError."""
    if options.output and Path(options.output).absolute() == Path(options.input).absolute():
        raise ConfigurationError(f"the output {options.output!r} is the input, which it would overwrite; rename it")
    source = open_source(options.input, NEVER if options.give_up is None else options.give_up)
    if options.give_up is not None and not source.live:
        raise ConfigurationError(f"--give-up is for cameras and streams, and {options.input!r} is none; leave it out")
    values = values_of(options, max_batch=1, max_gap=2.0 if source.live else 0.0)
    check_file(options.events, values, source.live)
    sink, unseen = (_file(options.output, source, messages), "") if options.output else _screen()
    finished: AbstractContextManager[object] = nullcontext() if sink is None else closing(sink)
    clock, live, as_json = Clock(source.live), source.live, options.json
    with finished, Networks(values) as networks, EventLog(options.events, networks, clock, live, as_json) as events:
        recognition, report = networks.recognition(live=live), Report(as_json, clock)
        summary = networks.recognizer.summary(recognition.settings)
        say(messages, summary if recognition.whole else f"whole images are left out; people: {summary}")
        if unseen and not (options.json or options.events):
            say(messages, unseen)
        clip, failures = ShortClip(), list[VideoError]()
        try:
            for frame in _shown(source, messages, failures):
                clock.take(frame.stamp)
                result = _taken(recognition, frame, not (source.live and source.waiting), clock)
                clip.take(frame.stamp)
                report.take(frame, result)
                events.take(result)
                if sink is not None and not show(sink, frame, annotated(frame, recognition, report.prediction, result)):
                    return 0
        finally:
            if source.dropped:
                say(messages, f"{source.dropped} frames were left out, because the network was too slow for them")
        if values["persons"] and not report.person_windows:
            remedy = "--pose-size" if values["persons_model"] else "--frames and --pose-size"
            say(messages, f"nobody was followed for long enough to fill a window; see {remedy}")
        if recognition.whole and not report.windows:
            if not source.live:
                extent = recognition.stream.extent
                say(messages, f"{source.name} is shorter than a window ({extent}), and played again to fill one")
            played = play_again(options.input, source, clip, recognition, next(iter(failures), None))
            report.take_whole(frame, played)
            events.take(ImageResult(frame.stamp, played, ()))
            if isinstance(sink, VideoFile):
                sink.discard()  # its frames say "warming up"
                draw_all(options.input, VideoFile(sink.path, source.rate), report.prediction)
    if failures:  # what could be read has its results
        raise failures[0]
    return 0


def _taken(recognition: Recognition, frame: SourceFrame, newest: bool, clock: Clock) -> ImageResult:
    """Return the result after a frame. Raises HarError, and says where what was found ends."""
    try:
        return recognition.take(frame.image, newest=newest)
    except ModelError as error:
        where = f"frame {frame.index} ({clock.text(frame.stamp)})"
        raise ModelError(f"the results, which are kept, end before {where}, because: {error}") from None


class Report:
    """Prints what was recognised: a line for each window, or for each change of the best action."""

    def __init__(self, as_json: bool, clock: Clock) -> None:
        """clock: says the times of lines that are not JSON."""
        self._as_json = as_json
        self._clock = clock
        self._best: dict[str, str] = {}  # what was printed last of each subject
        self.windows = 0
        self.person_windows = 0
        self.prediction: Prediction | None = None

    def take(self, frame: SourceFrame, result: ImageResult) -> None:
        """Take the result after a frame."""
        self.take_whole(frame, result.whole)
        for person in result.persons:
            if person.result is not None:
                self.person_windows += 1
                self._say(frame, person.result, person)

    def take_whole(self, frame: SourceFrame, result: Result | None) -> None:
        """Take what the whole image shows; None while the window is filling."""
        if result is None:
            return
        self.windows += 1
        self.prediction = result.prediction
        self._say(frame, result)

    def _say(self, frame: SourceFrame, result: Result, person: PersonResult | None = None) -> None:
        """Print the line of a result, of the whole image or of a person."""
        accepted = result.prediction.accepted
        best = accepted[0].label if accepted else "nothing recognised"
        prefix = f"person {person.track.number}: " if person else ""
        if self._as_json:
            print(json.dumps(window_row(frame, result, person) | {"backend": result.backend}), flush=True)
        elif best != self._best.get(prefix):
            score = f" {accepted[0].score:.2f}" if accepted else ""
            print(f"frame {frame.index:6}  {self._clock.text(frame.stamp, 8)}  {prefix}{best}{score}", flush=True)
        self._best.pop(prefix, None)
        self._best[prefix] = best
        if len(self._best) > MOST_SUBJECTS:  # who has not been heard of for longest
            del self._best[next(iter(self._best))]


def _shown(source: Source, messages: Console, failures: list[VideoError]) -> Iterator[SourceFrame]:
    """Yield the frames, with a progress bar on a terminal where their number is known. failures: see readable."""
    counter = TextColumn("{task.completed:.0f}/{task.total:.0f}")
    columns = (TextColumn("{task.description}"), BarColumn(), counter, TimeRemainingColumn())
    hidden = not (messages.is_terminal and source.count)
    # on a terminal rich prints our lines above its bar; where they go to a file, it must not touch them
    with Progress(*columns, console=messages, disable=hidden, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task("frames", total=source.count)
        for frame in readable(source, failures):
            yield frame
            progress.update(task, completed=frame.index + 1)


def _file(path: str, source: Source, messages: Console) -> VideoFile:
    """Return the annotated copy: of a camera or a stream its images keep their times. Raises ConfigurationError."""
    if source.live and not has_times(Path(path)):
        text = f"images in {path} have no times, and are played at {source.rate:g} a second, however they come"
        say(messages, f"{text}; give a file such as out.mp4 to keep them")
    return VideoFile(Path(path), source.rate, timed=source.live)


def _screen() -> tuple[Screen | None, str]:
    """Return the screen, or why there is none."""
    if not has_screen():
        return None, "nothing is shown, because there is no screen; give a file such as out.mp4 for annotated frames"
    try:
        return Screen(), ""
    except ConfigurationError as error:
        return None, str(error)

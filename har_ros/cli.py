"""The `actionnet` command: actions in video files, folders of pictures, cameras and streams, without ROS."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from har_ros.errors import ConfigurationError, HarError, VideoError
from har_ros.models import command
from har_ros.options import add_network_options, at_least, backend_settings, between
from har_ros.overlay import annotate, announce
from har_ros.pixels import CameraImage
from har_ros.recognizer import Recognizer, Result, Stream
from har_ros.repeat import ShortClip
from har_ros.sampling import StreamSettings
from har_ros.scores import Prediction, ScoreSettings, check_allowed
from har_ros.settings import card_names
from har_ros.sink import Pixels, Window, has_screen
from har_ros.source import Frame, Source, open_source
from har_ros.video_file import VideoFile

SECOND = 1_000_000_000
COMMANDS = {
    "models": "the networks: which there are, downloading them, checking a card",
    "evaluate": "how well a network does on bags and videos",
    "compare": "whether an evaluation is better than an earlier one",
    "truth": "check a file of truth",
    "record": "make a bag of videos",
    "teach": "teach a network classes of your own, from a few clips of each",
    "finetune": "train more of its layers, with PyTorch",
    "clips": "cut clips out of long recordings",
    "dataset": "look at a folder of clips before teaching",
}
EPILOG = "\n".join(
    ["other commands (actionnet COMMAND --help):", *(f"  {name:11}{text}" for name, text in COMMANDS.items())]
)
EXTRAS = {
    **dict.fromkeys(("evaluate", "compare", "truth", "record"), ("evaluate", "rosbags matplotlib scipy jinja2")),
    **dict.fromkeys(
        ("teach", "finetune", "clips", "dataset"), ("teach", "rosbags matplotlib scipy jinja2 scikit-learn")
    ),
}
"""Command → the folder with its COMMANDS, and what it needs more than the others."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0, 1 when something failed, 2 when the command line is wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    messages = Console(stderr=True)
    logger = logging.getLogger("har_ros")
    logger.setLevel(logging.INFO)
    logger.addHandler(_ToConsole(messages))
    try:
        if given[:1] == ["models"]:
            return command.run(given[1:])
        if given[:1] and given[0] in EXTRAS:
            return _extra(given[0])(given[1:])
        return run(_parser().parse_intermixed_args(given), messages)
    except HarError as error:
        _say(messages, f"actionnet: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone; Python must not try to flush it at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _extra(name: str) -> Callable[[list[str]], int]:
    """Return one of the commands EXTRAS. Raises HarError when what it needs is not installed."""
    folder, packages = EXTRAS[name]
    try:
        commands: dict[str, Callable[[list[str]], int]] = importlib.import_module(f"har_ros.{folder}.command").COMMANDS
    except ImportError as error:
        raise HarError(f"actionnet {name} needs {error.name}; run: pip install {packages}") from None
    return commands[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="actionnet",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", help="a video file, a folder of pictures, /dev/video0, or a stream such as rtsp://…")
    parser.add_argument("output", nargs="?", help="a video file for the annotated frames; without: the screen")
    names = ", ".join(card_names())
    parser.add_argument(
        *("--network", "--model"),
        dest="model",
        default="i3d-kinetics-400",
        help=f"{names}; or the path of a card, of its folder, or of a network file (i3d-kinetics-400)",
    )
    add_network_options(parser)
    parser.add_argument("--threshold", type=between(0, 1), default=0.01, help="least probability of an action (0.01)")
    parser.add_argument("--top-k", type=at_least(1), default=5, help="number of actions for each window (5)")
    parser.add_argument("--frames", type=at_least(1), default=0, help="frames in a window (what the card says)")
    parser.add_argument(
        "--skip-frames",
        type=at_least(0),
        default=-1,
        help="frames left out between two of a window (as many as the sample rate asks for)",
    )
    parser.add_argument(
        "--sample-rate", type=between(0, 1000), default=0.0, help="frames per second in a window (what the card says)"
    )
    parser.add_argument(
        "--memory",
        type=between(0, 60),
        default=0.0,
        help="seconds over which a continual network's answers are averaged (as over a window)",
    )
    parser.add_argument(
        "--smoothing",
        type=between(0, 60),
        default=0.0,
        help="time constant of averaging over windows, in seconds (none)",
    )
    parser.add_argument(
        "--hysteresis", type=between(0, 1), default=0.0, help="lead that another action needs to come first (0)"
    )
    parser.add_argument(
        "--allowed-label", action="append", default=[], metavar="LABEL", help="report this action and not others"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each window")
    return parser


def run(options: argparse.Namespace, messages: Console) -> int:
    """Recognise all of the input. Raises HarError."""
    if options.output and Path(options.output).absolute() == Path(options.input).absolute():
        raise ConfigurationError(f"the output {options.output!r} is the input, which it would overwrite; rename it")
    source = open_source(options.input)
    max_gap = 2.0 if source.live else 0.0
    settings = StreamSettings(options.skip_frames, options.sample_rate, max_gap, options.memory)
    sink = VideoFile(Path(options.output), source.rate) if options.output else _window(messages)
    finished: AbstractContextManager[object] = nullcontext() if sink is None else closing(sink)
    with (
        finished,
        Recognizer.open(
            options.model,
            backend_settings(options),
            frames=options.frames,
            labels=options.labels,
            input_blob=options.input_blob,
            output_blob=options.output_blob,
            continual=options.continual,
        ) as recognizer,
    ):
        scores = score_settings(options, recognizer.labels)
        stream = recognizer.stream(settings)
        _say(messages, recognizer.summary(settings))
        start = time.time_ns() if source.live else 0
        report, clip = Report(options.json, start), ShortClip()
        try:
            for frame in _shown(source, messages):
                ready = stream.push(CameraImage.of_array(frame.pixels, frame.stamp))
                clip.take(frame.stamp)
                if ready and not (source.live and source.waiting):
                    [result] = recognizer.recognize([stream], scores)
                    report.take(frame, result)
                if sink is not None and not sink.show(_annotated(frame, stream, report.prediction)):
                    return 0
        finally:
            if source.dropped:
                _say(messages, f"{source.dropped} frames were left out, because the network was too slow for them")
        if not report.windows and source.live:
            raise VideoError(
                f"{source.name} ended before its first window, which spans {stream.extent}; set --frames, "
                "--sample-rate or --skip-frames"
            )
        if not report.windows:
            _say(messages, f"{source.name} is shorter than a window ({stream.extent}), and played again to fill one")
            report.take(frame, played_again(options.input, clip, recognizer, stream, scores))
            if isinstance(sink, VideoFile):
                sink.discard()  # its frames say "warming up"
                draw_all(options.input, VideoFile(sink.path, source.rate), report.prediction)
    return 0


def played_again(
    uri: str, clip: ShortClip, recognizer: Recognizer, stream: Stream, settings: ScoreSettings
) -> Result | None:
    """Return what the network says of a clip shorter than a window, as it is taught with such. Raises HarError."""

    def images() -> Iterator[CameraImage]:
        return (CameraImage.of_array(frame.pixels, frame.stamp) for frame in open_source(uri))

    for image in clip.again(images, stream, uri):
        if stream.push(image) and (result := recognizer.recognize([stream], settings)[0]):
            return replace(result, start=clip.start, end=clip.end)
    return None


def draw_all(uri: str, sink: VideoFile, prediction: Prediction | None) -> None:
    """Write all frames with the same answer. Raises HarError."""
    try:
        for frame in open_source(uri):
            if prediction is not None:
                annotate(frame.pixels, prediction)
            sink.show(frame.pixels)
    finally:
        sink.close()


def score_settings(options: argparse.Namespace, labels: tuple[str, ...]) -> ScoreSettings:
    """Return what becomes of the network's answers. Raises ConfigurationError."""
    allowed = tuple(options.allowed_label)
    check_allowed(allowed, labels)
    return ScoreSettings(options.top_k, options.threshold, options.smoothing, options.hysteresis, allowed)


class _ToConsole(logging.Handler):
    """Shows what the core logs."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        _say(self._console, record.getMessage())


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


class Report:
    """Prints what was recognised: a line for each window, or for each change of the best action."""

    def __init__(self, as_json: bool, start: int) -> None:
        """start: the stamp from which on lines count their seconds, in nanoseconds."""
        self._as_json = as_json
        self._start = start
        self._best = ""
        self.windows = 0
        self.prediction: Prediction | None = None

    def take(self, frame: Frame, result: Result | None) -> None:
        """Take the result behind a frame; None while the window is filling."""
        if result is None:
            return
        self.windows += 1
        self.prediction = result.prediction
        actions = [{"label": h.label, "score": round(h.score, 4)} for h in result.prediction.accepted]
        best = str(actions[0]["label"]) if actions else "nothing recognised"
        if self._as_json:
            start, end = result.start / SECOND, result.end / SECOND
            took = round(result.inference_time, 4)
            line = {"frame": frame.index, "start": start, "end": end, "actions": actions, "inference_time": took}
            print(json.dumps(line), flush=True)
        elif best != self._best:
            score = f" {actions[0]['score']:.2f}" if actions else ""
            seconds = (frame.stamp - self._start) / SECOND
            print(f"frame {frame.index:6}  {seconds:8.2f} s  {best}{score}", flush=True)
        self._best = best


def _shown(source: Source, messages: Console) -> Iterator[Frame]:
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


def _window(messages: Console) -> Window | None:
    if not has_screen():
        _say(messages, "nothing is shown, because there is no screen; give a file such as out.mp4 for annotated frames")
        return None
    try:
        return Window()
    except ConfigurationError as error:
        _say(messages, str(error))
        return None


def _annotated(frame: Frame, stream: Stream, prediction: Prediction | None) -> Pixels:
    """Draw into the frame."""
    if prediction is None:
        announce(frame.pixels, f"warming up {stream.fill}/{stream.length}")
    else:
        annotate(frame.pixels, prediction)
    return frame.pixels

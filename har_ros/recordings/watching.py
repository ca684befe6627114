"""What is made of a video while networks look at it: annotated frames, and a line for each window."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from har_ros.errors import ConfigurationError, VideoError
from har_ros.frames.pixels import Pixels
from har_ros.frames.sampling import SECOND
from har_ros.pipeline.annotate import annotate
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.recognition import ImageResult, Recognition
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scores import Prediction
from har_ros.recordings.sink import Sink
from har_ros.recordings.source import Source, SourceFrame, open_source
from har_ros.recordings.video_file import VideoFile


def window_row(frame: SourceFrame, result: Result, person: PersonResult | None = None) -> dict[str, Any]:
    """Return what is written of a window, of the whole image or of a person: a line of JSON. Times in seconds."""
    who = {} if person is None else {"person": person.id, "box": [round(side, 1) for side in person.box]}
    actions = [{"label": h.label, "score": round(h.score, 4)} for h in result.prediction.accepted]
    start, end, took = result.start / SECOND, result.end / SECOND, round(result.inference_time, 4)
    return {"frame": frame.index, **who, "start": start, "end": end, "actions": actions, "inference_time": took}


def show(sink: Sink, frame: SourceFrame, pixels: Pixels) -> bool:
    """Show what was made of a frame, in place of the frames that are lost before it, too: a video keeps its time.

    Returns False when the user wants no more. Raises VideoError.
    """
    return all(sink.show(pixels, frame.stamp) for _ in range(frame.lost + 1))


def annotated(frame: SourceFrame, recognition: Recognition, said: Prediction | None, result: ImageResult) -> Pixels:
    """Draw into the frame what was said last of the whole image, and who is there."""
    filling = f"warming up {recognition.stream.fill}/{recognition.stream.length}" if recognition.whole else None
    annotate(frame.pixels, filling if said is None else said, result.persons)
    return frame.pixels


def readable(source: Source, failures: list[VideoError] | None = None) -> Iterator[SourceFrame]:
    """Yield the frames that can be read. failures: where to note why not all can. Raises VideoError where none can."""
    frame = None
    try:
        for frame in source:
            yield frame
    except VideoError as error:
        if frame is None:
            raise
        if failures is not None:
            failures.append(error)


def play_again(
    uri: str, source: Source, clip: ShortClip, recognition: Recognition, failure: VideoError | None = None
) -> Result | None:
    """Run a clip that is shorter than a window as in teaching. Raises HarError.

    failure: why not all of it could be read, which is what is wrong where it is too short.
    """
    if source.live:
        raise failure or VideoError(
            f"{source.name} ended before its first window, which spans {recognition.stream.extent}; set --frames, "
            "--sample-rate or --skip-frames"
        )
    images = clip.again(lambda: (frame.image for frame in readable(open_source(uri))), recognition.stream, source.name)
    try:
        result = next(filter(None, map(recognition.take_whole, images)), None)
    except ConfigurationError as error:
        raise failure or error from None
    return result and dataclasses.replace(result, start=clip.start, end=clip.end, until=clip.end)


def draw_all(uri: str, sink: VideoFile, prediction: Prediction | None) -> None:
    """Write all frames with the same answer. Raises HarError."""
    try:
        for frame in readable(open_source(uri)):
            if prediction is not None:
                annotate(frame.pixels, prediction)
            show(sink, frame, frame.pixels)
    finally:
        sink.close()

"""What is made of a video while networks look at it: annotated frames, and a line for each window."""

from __future__ import annotations

import dataclasses
from typing import Any

from har_ros.errors import VideoError
from har_ros.pipeline.annotate import annotate
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.recognition import ImageResult, Recognition
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scores import Prediction
from har_ros.recordings.recording import SECOND
from har_ros.recordings.sink import Pixels
from har_ros.recordings.source import Source, SourceFrame, open_source
from har_ros.recordings.video_file import VideoFile


def window_row(frame: SourceFrame, result: Result, person: PersonResult | None = None) -> dict[str, Any]:
    """Return what is written of a window, of the whole image or of a person: a line of JSON. Times in seconds."""
    who = {} if person is None else {"person": person.id, "box": [round(side, 1) for side in person.box]}
    actions = [{"label": h.label, "score": round(h.score, 4)} for h in result.prediction.accepted]
    start, end, took = result.start / SECOND, result.end / SECOND, round(result.inference_time, 4)
    return {"frame": frame.index, **who, "start": start, "end": end, "actions": actions, "inference_time": took}


def annotated(frame: SourceFrame, recognition: Recognition, said: Prediction | None, result: ImageResult) -> Pixels:
    """Draw into the frame what was said last of the whole image, and who is there."""
    filling = f"warming up {recognition.stream.fill}/{recognition.stream.length}"
    annotate(frame.pixels, filling if said is None else said, result.persons)
    return frame.pixels


def play_again(uri: str, source: Source, clip: ShortClip, recognition: Recognition) -> Result | None:
    """Run a clip that is shorter than a window as in teaching. Raises HarError."""
    if source.live:
        raise VideoError(
            f"{source.name} ended before its first window, which spans {recognition.stream.extent}; set --frames, "
            "--sample-rate or --skip-frames"
        )
    images = clip.again(lambda: (frame.image for frame in open_source(uri)), recognition.stream, source.name)
    result = next(filter(None, map(recognition.take_whole, images)), None)
    return result and dataclasses.replace(result, start=clip.start, end=clip.end, until=clip.end)


def draw_all(uri: str, sink: VideoFile, prediction: Prediction | None) -> None:
    """Write all frames with the same answer. Raises HarError."""
    try:
        for frame in open_source(uri):
            if prediction is not None:
                annotate(frame.pixels, prediction)
            sink.show(frame.pixels)
    finally:
        sink.close()

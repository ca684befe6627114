"""The process that looks at one visitor's images: what crashes or hangs it costs the stream, not the server.

Images come in on standard input, each after its HEAD; the first message is the node's parameters as JSON instead.
Answers go out on standard output, a line of JSON each.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from typing import IO, Any

import numpy as np

from har_ros.errors import HarError, ImageError, ModelError, without_paths
from har_ros.frames.compressed import EncodedImage
from har_ros.frames.sampling import SECOND, rate_of
from har_ros.persons.skeleton import LIMBS
from har_ros.pipeline.configuration import person_stream_settings, stream_settings
from har_ros.pipeline.events import Event
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.recognition import ImageResult, Networks
from har_ros.pipeline.scores import Prediction
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.event_file import event_line
from har_ros.service.process import prepare, take_output, unexpected
from har_ros.service.streams.message import HEAD

logger = logging.getLogger(__name__)

AHEAD = 256
"""Images that wait while the network runs; the oldest make room. Fewer than come until it is free again would leave a
gap, after which a window begins again and all events end: at 25 a second it may take 10 s."""
SLOWEST = 30.0
"""Seconds that no window shows after which events end: a network on a busy processor may take longer than a window is.
A visitor's images may not be missing for so long: then the window begins again.
"""
COUNTED_RATE = 10.0
"""Images a second that are asked for where a network counts them and has no rate."""
LEAST_SIDE, MOST_SIDE = 240, 720
"""Pixels of the shorter side of the images that are asked for."""

Say = Callable[[dict[str, Any]], None]


class Inbox:
    """The newest images, read on a thread of its own; the process ends with the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._images: deque[EncodedImage] = deque(maxlen=AHEAD)
        self._came = Condition()
        self.dropped = 0  # because the network was too slow for them

    def start(self) -> None:
        """Begin to read images."""
        Thread(target=self._read, name="inbox", daemon=True).start()

    def message(self) -> tuple[int, bytes]:
        """Return the stamp and the bytes of the next message."""
        head = self._file.read(HEAD.size)
        if len(head) < HEAD.size:
            os._exit(0)
        stamp, size = HEAD.unpack(head)
        return stamp, self._file.read(size)

    def take(self) -> list[EncodedImage]:
        """Return the images that have come since, oldest first, at least one."""
        with self._came:
            self._came.wait_for(lambda: self._images)
            images = list(self._images)
            self._images.clear()
        return images

    def _read(self) -> None:
        while True:
            stamp, content = self.message()
            with self._came:
                self.dropped += len(self._images) == AHEAD
                self._images.append(EncodedImage(np.frombuffer(content, np.uint8), stamp))
                self._came.notify()


def look(networks: Networks, inbox: Inbox, say: Say) -> None:
    """Look at all images, and say what they show.

    While the network runs, images enter the window, as with the node; people are looked for in the newest only.
    """
    recognition, events = networks.recognition(live=True), SourceEvents(networks, SLOWEST)
    say(_about(networks))
    inbox.start()
    while True:
        *older, newest = inbox.take()
        for image in older:
            with suppress(ImageError):
                recognition.take_whole(image, newest=False)
        counts = {"stamp": newest.stamp / SECOND, "dropped": inbox.dropped}
        try:
            result = recognition.take(newest)
        except (ImageError, ModelError) as error:
            say({**counts, "error": without_paths(str(error))})
            continue
        window = {"fill": recognition.stream.fill, "length": recognition.stream.length, "size": newest.size}
        say({**counts, **window, **_answer(result, events.take(result))})


def _about(networks: Networks) -> dict[str, Any]:
    """Return what a client has to know of the networks."""
    recognizer, persons, settings = networks.recognizer, networks.persons, stream_settings(networks.values)
    card, image = recognizer.card, recognizer.card.images
    rates = [rate_of(card.window, settings)]
    sides = [image.height, image.width, image.resize.shorter_side or 0]
    if persons is not None:
        rates.append(rate_of(persons.recognizer.card.window, person_stream_settings(networks.values)))
        sides += persons.estimator.shape[:2]
    return {
        "state": "ready",
        "model": card.name,
        "summary": recognizer.summary(settings),
        "rate": max(filter(None, rates), default=COUNTED_RATE),
        "side": min(MOST_SIDE, max(LEAST_SIDE, *sides)),
        "limbs": LIMBS if persons else (),
    }


def _answer(result: ImageResult, events: list[Event]) -> dict[str, Any]:
    """Return what is said after an image; times in seconds, places in pixels."""
    window = None
    if result.whole is not None:
        start, end = result.whole.start / SECOND, result.whole.end / SECOND
        took = round(result.whole.inference_time, 4)
        window = {"start": start, "end": end, "actions": _actions(result.whole.prediction), "inference_time": took}
    return {
        "window": window,
        "persons": [_person(person) for person in result.persons],
        "events": [event_line(event) for event in events],
    }


def _person(person: PersonResult) -> dict[str, Any]:
    joints = [[round(float(x), 1), round(float(y), 1), round(float(seen), 2)] for x, y, seen in person.keypoints]
    box = [round(side, 1) for side in person.box]
    number = person.track.number
    return {"id": person.id, "number": number, "box": box, "joints": joints, "actions": _actions(person.prediction)}


def _actions(prediction: Prediction) -> list[dict[str, Any]]:
    return [{"label": h.label, "score": round(h.score, 4)} for h in prediction.accepted]


def main() -> None:
    """Look at images until the server closes our standard input, or is gone."""
    parser = argparse.ArgumentParser(prog="python -m har_ros.service.streams.worker", description=__doc__)
    parser.add_argument("--memory", type=int, required=True, help="bytes that the worker may have, at most")
    memory = parser.parse_args().memory
    prepare("stream", memory)
    answers = os.fdopen(take_output(), "w", encoding="utf-8", buffering=1)
    inbox = Inbox(os.fdopen(0, "rb"))

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    try:
        with Networks(json.loads(inbox.message()[1])) as networks:
            look(networks, inbox, say)
    except HarError as error:
        say({"error": without_paths(str(error))})
    except BrokenPipeError:  # the server is gone
        pass
    except Exception as error:
        logger.exception("the stream ends")
        say({"error": unexpected(error)})
    os._exit(1)


if __name__ == "__main__":
    main()

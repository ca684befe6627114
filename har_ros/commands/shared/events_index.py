"""`actionnet events index`: the events of a bag's cameras, in a bag that plays beside it."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track

from har_ros.commands.shared.parameter_file import add_parameter_file, node_parameters
from har_ros.errors import ConfigurationError, HarError, ImageError, ModelError, counted
from har_ros.files.console import say
from har_ros.pipeline.configuration import event_settings
from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.recognition import Networks, Recognition
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.bag import Bag, open_recording
from har_ros.recordings.bag_writer import BagWriter
from har_ros.recordings.recording import BagError, Recorded

TOPIC = "/actions/events"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `run` takes."""
    parser.add_argument("bag", type=Path, metavar="BAG", help="a bag's folder or file")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="the folder of the bag of events, or a file, such as events.mcap",
    )
    add_parameter_file(parser)


def run(options: argparse.Namespace) -> int:
    """Write the bag of events. Returns the exit status. Raises HarError."""
    values = node_parameters(options.params_file, options.param)
    event_settings(values)  # raises where the limits contradict
    bag = open_recording(options.bag, values["image_topics"], values["image_transport"])
    if not isinstance(bag, Bag):
        raise ConfigurationError(f"{options.bag} is no bag; for a video: actionnet {options.bag} --events events.csv")
    messages = Console(stderr=True)
    with BagWriter(options.output) as writer, Networks(values) as networks:
        index = EventIndex(writer, networks, bag.cameras)
        failure = ""
        try:
            for recorded in _shown(bag, messages):
                index.take(recorded)
        except BagError as error:  # what could be read has its events
            failure = f"{error}; the events up to there are in {options.output}"
        index.finish(str(options.bag))
    if index.failed:
        say(messages, f"actionnet: {counted(index.failed, 'image')} could not be used, the last: {index.error}")
    say(Console(), f"{counted(index.count, 'event')}: {options.output}")
    if failure:
        raise HarError(failure)
    return 0


@dataclass
class _Camera:
    """A camera of the bag. frame_id: of its newest image."""

    name: str
    recognition: Recognition
    events: SourceEvents
    frame_id: str = ""


@dataclass
class _Running:
    """The names of events that have not ended."""

    count: int = 0
    names: dict[tuple[str, str, int], str] = field(default_factory=dict)

    def name(self, camera: str, event: Event) -> str:
        """Return the event's id in the bag, of which there is one only."""
        key = (camera, event.person, event.id)
        if key not in self.names:
            self.count += 1
            self.names[key] = f"e{self.count}"
        return self.names.pop(key) if event.state is EventState.ENDED else self.names[key]


class EventIndex:
    """Takes the images of a bag in the order of their arrival, and writes what the node would publish of its cameras.

    count: of events. failed, error: images that could not be used, and the last reason.
    """

    def __init__(self, writer: BagWriter, networks: Networks, cameras: Sequence[str]) -> None:
        """Raises ConfigurationError when the parameters do not fit the networks."""
        self.failed = 0
        self.error = ""
        self._writer = writer
        self._cameras = {
            name: _Camera(name, networks.recognition(f"p{number}"), SourceEvents(networks))
            for number, name in enumerate(cameras, 1)
        }
        self._running = _Running()
        self._windows = 0
        self._arrival = 0

    @property
    def count(self) -> int:
        """How many events began."""
        return self._running.count

    def take(self, recorded: Recorded) -> None:
        """Take the next image. Raises HarError when the events cannot be written."""
        camera, self._arrival = self._cameras[recorded.camera], recorded.arrival
        try:
            if isinstance(recorded.image, ImageError):
                raise recorded.image
            image = recorded.image
            if image.stamp == 0:
                image = dataclasses.replace(image, stamp=recorded.arrival)
            result = camera.recognition.take(image)
        except (ImageError, ModelError) as error:
            self.failed, self.error = self.failed + 1, str(error)
            return
        camera.frame_id = image.frame_id
        self._windows += bool(result.whole) + sum(person.result is not None for person in result.persons)
        self._write(camera, camera.events.take(result))

    def finish(self, name: str) -> None:
        """End all events. name: of the bag. Raises HarError when there was no window, or events cannot be written."""
        if not self._windows:
            recognition, reason = next(iter(self._cameras.values())).recognition, self.error and f" ({self.error})"
            if not recognition.whole:
                raise HarError(f"{name} shows nobody for long enough to fill a window{reason}; see pose_size")
            raise HarError(
                f"{name} fills no window, which spans {recognition.stream.extent}{reason}; "
                "set frames, sample_rate or skip_frames"
            )
        for camera in self._cameras.values():
            self._write(camera, camera.events.finish())

    def _write(self, camera: _Camera, events: Sequence[Event]) -> None:
        for event in events:
            name = self._running.name(camera.name, event)
            self._writer.event(TOPIC, self._arrival, event, name, camera.name, camera.frame_id)


def _shown(bag: Bag, messages: Console) -> Iterator[Recorded]:
    """Yield the images, with a progress bar on a terminal."""
    yield from track(bag.images(), "images", bag.count, console=messages, disable=not messages.is_terminal)

"""A worker process of the service: takes jobs, one after the other. What crashes or hangs it costs a job, at most."""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any

from har_ros.errors import HarError, VideoError
from har_ros.files.results_folder import write_json
from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.recognition import ImageResult, Networks, Recognition
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scores import Prediction
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.event_file import event_row, write_events
from har_ros.recordings.source import Source, SourceFrame, open_source
from har_ros.recordings.video_file import VideoFile
from har_ros.recordings.watching import annotated, draw_all, play_again, window_row
from har_ros.service.folder import EVENTS, RESULT, SUMMARY, VIDEO, WINDOWS, ServiceFolder
from har_ros.service.jobs import Job, JobStore
from har_ros.service.options import Models

logger = logging.getLogger(__name__)

LOOK = 0.2
"""Seconds between two looks for a job."""
MOST_RATE = 60
"""Images a second that a video of the greatest length may have."""
NOTE = 0.5
"""Seconds between two notes of the progress."""


class UnwantedError(Exception):
    """The job was erased meanwhile, or given to another worker."""


class Worker:
    """Runs jobs. The networks of the last one stay loaded, for the next with the same options."""

    def __init__(self, folder: ServiceFolder, models: Models, longest: float) -> None:
        """longest: seconds of a video, at most."""
        self._folder = folder
        self._models = models
        self._store = JobStore(folder.jobs)
        self._longest = longest
        self._networks: Networks | None = None
        self._options: Mapping[str, Any] | None = None
        self._number = os.getpid()

    def close(self) -> None:
        """Free the networks."""
        if self._networks is not None:
            self._networks.close()
            self._networks = None

    def run_one(self) -> bool:
        """Run the job that has waited longest. Returns whether there was one."""
        job = self._store.claim(self._number)
        if job is None:
            return False
        try:
            self._run(job)
        except UnwantedError:
            pass
        except HarError as error:
            self._store.fail(job.id, self._number, self._said_to_clients(job, str(error)))
        except Exception as error:  # the next job may be fine
            logger.exception("job %s", job.id)
            self._store.fail(
                job.id, self._number, f"unexpected error ({type(error).__name__}); the server's log has more"
            )
        finally:
            self._store.free(self._number)
        return True

    def _said_to_clients(self, job: Job, text: str) -> str:
        """Return a text without the paths of the server."""
        return text.replace(str(self._folder.input(job.id)), job.name).replace(f"{self._folder.of(job.id)}/", "")

    def _run(self, job: Job) -> None:
        """Raises UnwantedError, HarError."""
        video = self._folder.input(job.id)
        if video is None:
            raise HarError("the video is gone; send it again")
        source = open_source(str(video))
        networks = self._networks_for(job.options)
        place = self._folder.of(job.id)
        run = _Run(networks, source, str(video), VideoFile(place / VIDEO, source.rate))
        try:
            with (place / WINDOWS).open("w", encoding="utf-8") as windows:
                for done in run.frames(windows, self._longest):
                    if not self._store.progress(job.id, self._number, done, source.count):
                        raise UnwantedError
            run.note = self._said_to_clients(job, run.note)
            run.write(place, job.name, networks.recognizer.card.name)
        except OSError as error:
            if self._store.progress(job.id, self._number, 0, 0):
                raise HarError(f"cannot write the results ({error.strerror}); make room on the server's disk") from None
            raise UnwantedError from None  # with its folder
        finally:
            run.discard()
        self._store.progress(job.id, self._number, run.count, run.count)
        self._store.finish(job.id, self._number)

    def _networks_for(self, options: Mapping[str, Any]) -> Networks:
        if self._networks is None or options != self._options:
            self.close()
            self._networks = Networks(self._models.values(options))
            self._options = options
        return self._networks


class _Run:
    """One video through the networks. count: frames that were looked at. note: why these are not all."""

    def __init__(self, networks: Networks, source: Source, uri: str, sink: VideoFile) -> None:
        self._source, self._uri, self._sink = source, uri, sink
        self._recognition: Recognition = networks.recognition()
        self._events = SourceEvents(networks)
        self._ended: list[Event] = []
        self._people: dict[str, dict[str, Any]] = {}
        self._said: Prediction | None = None
        self.note = ""
        self.count = 0

    def frames(self, windows: IO[str], longest: float) -> Iterator[int]:
        """Look at all frames; write a line for each window. Yields how many are done, now and then. Raises HarError."""
        clip, noted = ShortClip(), 0.0
        yield 0
        try:
            for frame in self._source:
                if frame.stamp > longest * 1e9:
                    raise HarError(f"the video lasts longer than {longest / 60:.3g} minutes; cut it")
                if frame.index > longest * MOST_RATE:
                    raise HarError(
                        f"the video has more than {longest * MOST_RATE:.0f} images; cut it, or lower its rate"
                    )
                result = self._recognition.take(frame.image)
                clip.take(frame.stamp)
                self._take(windows, frame, result)
                self._sink.show(annotated(frame, self._recognition, self._said, result))
                self.count = frame.index + 1
                if time.monotonic() - noted > NOTE:
                    windows.flush()
                    noted = time.monotonic()
                    yield self.count
        except VideoError as error:
            if not self.count:
                raise
            self.note = str(error)
        if self._said is None:
            self._take(windows, frame, ImageResult(frame.stamp, self._again(clip), ()))
        self._sink.close()

    def _again(self, clip: ShortClip) -> Result | None:
        found = play_again(self._uri, self._source, clip, self._recognition)
        self._sink.discard()  # its frames say "warming up"
        self._sink = VideoFile(self._sink.path, self._source.rate)
        draw_all(self._uri, self._sink, found.prediction if found else None)
        return found

    def _take(self, windows: IO[str], frame: SourceFrame, result: ImageResult) -> None:
        self._ended += [event for event in self._events.take(result) if event.state is EventState.ENDED]
        if result.whole is not None:
            self._said = result.whole.prediction
            windows.write(json.dumps(window_row(frame, result.whole)) + "\n")
        for person in result.persons:
            seconds = round(frame.stamp / 1e9, 3)
            known = self._people.setdefault(person.id, {"id": person.id, "start": seconds, "end": seconds})
            known["end"] = seconds
            if person.result is not None:
                windows.write(json.dumps(window_row(frame, person.result, person)) + "\n")

    def write(self, place: Path, name: str, model: str) -> None:
        """Write what was found, the result last. Raises HarError, OSError."""
        self._ended += [event for event in self._events.finish() if event.state is EventState.ENDED]
        for file in EVENTS:
            write_events(place / file, self._ended)
        spans = sorted((event_row(event) for event in self._ended), key=lambda row: (row["start"], row["end"]))
        with (place / WINDOWS).open(encoding="utf-8") as lines:
            windows = [json.loads(line) for line in lines]
        summary = {"video": name, "model": model, "frames": self.count, "note": self.note, "spans": spans}
        summary["persons"] = list(self._people.values())
        write_json(place / SUMMARY, summary)
        write_json(place / RESULT, {**summary, "windows": windows})

    def discard(self) -> None:
        """Give the annotated video up unless it is finished."""
        self._sink.discard()


def main() -> None:
    """Run jobs until the server closes our standard input, or is gone."""
    parser = argparse.ArgumentParser(prog="python -m har_ros.service.worker", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=Path, help="folder with networks")
    parser.add_argument("--longest", type=float, required=True, help="seconds of a video, at most")
    parser.add_argument("--memory", type=int, required=True, help="bytes that the worker may have, at most")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="worker %(process)d: %(message)s")
    with suppress(ValueError, OSError):  # where less is allowed already
        resource.setrlimit(resource.RLIMIT_DATA, (options.memory, options.memory))
    Thread(target=_end_with_the_server, daemon=True).start()
    with closing(Worker(ServiceFolder(options.folder), Models(options.models), options.longest)) as worker:
        while True:
            if not worker.run_one():
                time.sleep(LOOK)


def _end_with_the_server() -> None:
    os.read(sys.stdin.fileno(), 1)  # sys.stdin would be locked, which hangs what OpenVINO's telemetry forks
    os._exit(0)


if __name__ == "__main__":
    main()

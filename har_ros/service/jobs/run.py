"""One video through the networks: what a job does, and the files that it fills meanwhile."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from har_ros.errors import HarError, VideoError
from har_ros.files.results_folder import write_json
from har_ros.pipeline.recognition import ImageResult, Networks
from har_ros.recordings.event_file import write_events
from har_ros.recordings.join import join
from har_ros.recordings.source import Source, SourceFrame
from har_ros.recordings.video_file import VideoFile
from har_ros.recordings.watching import annotated, draw_all, play_again, readable, show
from har_ros.service.folder import CHECKPOINT, EVENTS, PART, RESULT, SUMMARY, VIDEO, WINDOWS
from har_ros.service.jobs import checkpoint
from har_ros.service.jobs.found import Found

MOST_RATE = 60
"""Images a second that a video of the greatest length may have."""
NOTE = 0.5
"""Seconds between two notes of the progress."""
PERIOD = 10.0
"""Seconds between two checkpoints, at least."""
SHARE = 0.02
"""Of the time that checkpoints may take, and the summaries of what was found so far: they grow with it."""


class VideoRun:
    """One video through the networks, from the last checkpoint on. note: why not all frames were looked at."""

    def __init__(self, networks: Networks, source: Source, uri: str, place: Path, name: str) -> None:
        """place: the job's folder, of its id. name: of the video."""
        self._networks, self._source, self._uri, self._place = networks, source, uri, place
        self._about = {"video": name, "model": networks.recognizer.card.name}
        self._found = self._resumed() or Found(networks, f"p{place.name[:6]}")
        self._parts = [self._part(number) for number in range(self._found.parts)]
        for path in [*place.glob(f"{PART}*"), *place.glob(".*part*")]:
            if path not in self._parts:
                path.unlink()
        self._sink = self._next_part()
        self._due, self._next_summary = time.monotonic() + PERIOD, 0.0
        self.note = ""

    @property
    def count(self) -> int:
        """Number of frames that were looked at."""
        return self._found.count

    @property
    def windows(self) -> int:
        """Number of windows for which there is an answer."""
        return self._found.windows

    def frames(self, longest: float) -> Iterator[bool]:
        """Look at all frames that are left; write a line for each window. Yields when there is news to note.

        It yields whether another run may go on from here. longest: seconds, at most. Raises HarError, OSError.
        """
        found, failures = self._found, list[VideoError]()
        windows = self._place / WINDOWS
        windows.touch()
        os.truncate(windows, found.size)
        with windows.open("a", encoding="utf-8") as lines:
            yield False
            noted, shown = time.monotonic(), found.windows
            for frame in readable(self._source, failures):
                new = frame.index >= found.count
                if new:
                    _check(frame, longest)
                    self._look(lines, frame)
                first = found.windows and not shown  # somebody waits for it
                if first or time.monotonic() - noted > NOTE:
                    noted, shown = time.monotonic(), found.windows
                    self._show(lines)
                    yield False
                if new and time.monotonic() > self._due:
                    yield self._save(lines)
            self.note = "; ".join(map(str, failures))
            self._end(lines, frame, next(iter(failures), None))

    def write(self) -> None:
        """Write what was found, the result last. Raises HarError, OSError."""
        self._found.finish()
        for file in EVENTS:
            write_events(self._place / file, self._found.ended)
        with (self._place / WINDOWS).open(encoding="utf-8") as lines:
            windows = [json.loads(line) for line in lines]
        write_json(self._place / SUMMARY, self._summary())
        write_json(self._place / RESULT, {**self._summary(), "windows": windows})

    def discard(self) -> None:
        """Give the part of the annotated video up that is not finished."""
        self._sink.discard()

    def _resumed(self) -> Found | None:
        path = self._place / CHECKPOINT
        found: Found | None = checkpoint.load(path, self._networks)
        if found and all(self._part(number).exists() for number in range(found.parts)):
            return found
        path.unlink(missing_ok=True)
        return None

    def _part(self, number: int) -> Path:
        return self._place / f"{PART}{number:05}.mp4"

    def _next_part(self) -> VideoFile:
        return VideoFile(self._part(len(self._parts)), self._source.rate)

    def _look(self, lines: IO[str], frame: SourceFrame) -> None:
        result = self._found.look(frame)
        self._take(lines, frame, result)
        show(self._sink, frame, annotated(frame, self._found.recognition, self._found.said, result))

    def _take(self, lines: IO[str], frame: SourceFrame, result: ImageResult) -> None:
        lines.writelines(json.dumps(row) + "\n" for row in self._found.take(frame, result))

    def _show(self, lines: IO[str]) -> None:
        """Let readers see what is known so far. Raises HarError, OSError."""
        lines.flush()
        begun = time.monotonic()
        if begun >= self._next_summary:
            write_json(self._place / SUMMARY, self._summary())
            now = time.monotonic()
            self._next_summary = now + (now - begun) / SHARE

    def _summary(self) -> dict[str, Any]:
        return {**self._about, "note": self.note, **self._found.summary()}

    def _save(self, lines: IO[str]) -> bool:
        """Write the part of the video, the windows, then what refers to them. Raises HarError, OSError.

        Returns whether all could be written.
        """
        begun = time.monotonic()
        self._close_part()
        lines.flush()
        os.fsync(lines.fileno())
        self._found.parts = len(self._parts)
        self._found.size = os.fstat(lines.fileno()).st_size
        saved = checkpoint.save(self._place / CHECKPOINT, self._networks, self._found)
        self._sink = self._next_part()
        now = time.monotonic()
        self._due = now + max(PERIOD, (now - begun) / SHARE) if saved else float("inf")
        return saved

    def _close_part(self) -> None:
        self._sink.close()
        with self._sink.path.open("rb") as file:
            os.fsync(file.fileno())
        self._parts.append(self._sink.path)

    def _end(self, lines: IO[str], frame: SourceFrame, failure: VideoError | None) -> None:
        """Make the annotated video of its parts; of a clip that is shorter than a window, all at once.

        failure: see play_again.
        """
        found = self._found
        if found.said is not None:
            self._sink.close()
            self._parts += filter(Path.exists, [self._sink.path])  # there may have been no frame after the last one
            join(self._parts, self._place / VIDEO)
            return
        again = play_again(self._uri, self._source, found.clip, found.recognition, failure)
        self._take(lines, frame, ImageResult(frame.stamp, again, ()))
        draw_all(self._uri, VideoFile(self._place / VIDEO, self._source.rate), again.prediction if again else None)


def tidy(place: Path) -> None:
    """Remove what a finished job needs no more from its folder. Raises OSError."""
    for path in [place / CHECKPOINT, *place.glob(f"{PART}*")]:
        path.unlink(missing_ok=True)


def _check(frame: SourceFrame, longest: float) -> None:
    height, width = frame.pixels.shape[:2]
    if min(height, width) < 2:
        raise HarError(f"the video has images of {width}x{height}, too small to be drawn into; give a larger one")
    if frame.stamp > longest * 1e9:
        raise HarError(f"the video lasts longer than {longest / 60:.3g} minutes; cut it")
    if frame.index > longest * MOST_RATE:
        raise HarError(f"the video has more than {longest * MOST_RATE:.0f} images; cut it, or lower its rate")

"""Where the service keeps what it has: a file of jobs, a folder for each job, and one for uploads."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from har_ros.errors import HarError, without_paths
from har_ros.learning.class_folders import VIDEOS

VIDEO, WINDOWS, SUMMARY, RESULT = "video.mp4", "windows.jsonl", "summary.json", "result.json"
CHECKPOINT, PART, LOCK = "checkpoint.pickle", "part-", ".lock"
SUFFIXES = VIDEOS
"""Of videos that come in."""
EVENTS = ("actions.csv", "actions.srt", "actions.vtt")


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Wait until nobody else writes into a job's folder: a worker whose server was killed takes a moment to end.

    Raises HarError when the folder is gone, OSError.
    """
    try:
        lock = (place / LOCK).open("a")  # which NFS needs, to lock it for other machines as well
    except FileNotFoundError:
        raise HarError("the video is gone; send it again") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_job(text: str) -> bool:
    """Return whether something may be a job's id, and so the name of its folder."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


class ServiceFolder:
    """The service's folder. jobs: the file of SQLite. uploads: the folder of what no job took yet.

    models: the folder of the networks taught here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.jobs = path / "jobs.sqlite"
        self.uploads = path / "uploads"
        self.models = path / "models"

    def of(self, job: str) -> Path:
        """Return the folder of a job."""
        return self.path / "jobs" / job

    def input(self, job: str) -> Path | None:
        """Return the video that came in, None when there is none."""
        return next(self.of(job).glob("input.*"), None)

    def said_to_clients(self, job: str, name: str, text: str) -> str:
        """Return a text about a job without the paths of the server. name: of the video, as it was sent."""
        video = self.input(job)
        return without_paths(text.replace(str(video), name) if video else text, self.of(job))

    def size(self) -> int:
        """Return the bytes of all files; of one that several jobs have, once."""
        sizes = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):  # it was erased meanwhile
                    found = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - a Path for each file takes twice as long
                    sizes[found.st_ino] = found.st_size
        return sum(sizes.values())

    def erase(self, job: str) -> None:
        """Remove all that belongs to a job."""
        shutil.rmtree(self.of(job), ignore_errors=True)

"""Where the service keeps what it has: a file of jobs, a folder for each job, and one for uploads."""

from __future__ import annotations

import shutil
from pathlib import Path

from har_ros.recordings.video_file import CONTAINERS

VIDEO, WINDOWS, SUMMARY, RESULT = "video.mp4", "windows.jsonl", "summary.json", "result.json"
CHECKPOINT, PART = "checkpoint.pickle", "part-"
SUFFIXES = (*CONTAINERS, ".webm", ".mpg", ".mpeg", ".ts", ".gif")
"""Of videos that come in."""
EVENTS = ("actions.csv", "actions.srt", "actions.vtt")


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

    def erase(self, job: str) -> None:
        """Remove all that belongs to a job."""
        shutil.rmtree(self.of(job), ignore_errors=True)

"""Where the service keeps what it has: a file of jobs, and a folder for each job."""

from __future__ import annotations

import shutil
from pathlib import Path

VIDEO, WINDOWS, SUMMARY, RESULT = "video.mp4", "windows.jsonl", "summary.json", "result.json"
EVENTS = ("actions.csv", "actions.srt", "actions.vtt")


class ServiceFolder:
    """The service's folder. jobs: the file of SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.jobs = path / "jobs.sqlite"

    def of(self, job: str) -> Path:
        """Return the folder of a job."""
        return self.path / "jobs" / job

    def input(self, job: str) -> Path | None:
        """Return the video that came in, None when there is none."""
        return next(self.of(job).glob("input.*"), None)

    def erase(self, job: str) -> None:
        """Remove all that belongs to a job."""
        shutil.rmtree(self.of(job), ignore_errors=True)

"""The folders of a dataset: one for each class, with its videos."""

from __future__ import annotations

from pathlib import Path

from har_ros.files.text import natural

VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".gif")
ENOUGH = 5
"""Clips of a class, and groups that they are of, from which on teaching gives something useful."""


def class_folders(folder: Path) -> list[Path]:
    """Return the folders of the classes in that of a dataset. Raises OSError."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def videos_in(place: Path) -> list[Path]:
    """Return the videos in a folder and those below it, in the natural order of their paths."""
    files = [path for path in place.rglob("*") if path.suffix.lower() in VIDEOS and not path.name.startswith(".")]
    return sorted(files, key=lambda path: natural(path.relative_to(place).as_posix()))

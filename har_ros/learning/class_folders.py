"""The folders of a dataset: one for each class, with its videos."""

from __future__ import annotations

import re
from contextlib import suppress
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


def of_one_class(folder: Path) -> str:
    """Say so where a dataset's folder looks like that of a class in a dataset; "" where it does not.

    Its folders are called alike but for a number, such as those of cameras, and a folder beside it has the same ones.
    """
    folder = folder.absolute()
    names = [path.name for path in class_folders(folder)]
    if len({without_number(name) for name in names}) > 1:
        return ""
    with suppress(OSError):  # of folders that are not the dataset's
        for other in class_folders(folder.parent):
            if other != folder and [path.name for path in class_folders(other)] == names:
                return (
                    f"the classes are {', '.join(names)}, and {other.name} beside {folder.name} has them, too; if "
                    f"{folder.name} is one of the classes, give {folder.parent}"
                )
    return ""


def without_number(name: str) -> str:
    """Return a name without its last number."""
    return re.sub(r"[\s._-]*\d+[\s._-]*$", "", name)

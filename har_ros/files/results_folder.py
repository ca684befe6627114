"""Folders of results: written atomically, by one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from har_ros.errors import ConfigurationError, HarError, one_line
from har_ros.files.atomic import replacing

METRICS = "metrics.json"


def read_json(path: Path) -> Any:
    """Return what a JSON file holds. Raises ConfigurationError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else one_line(error)
        raise ConfigurationError(f"cannot read {path} ({why}); give a folder of results or its {METRICS}") from None


@contextmanager
def atomic(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name when it is complete. Raises HarError when it cannot be written."""
    try:
        with replacing(path) as part, part.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise HarError(f"cannot write {path} ({os.strerror(error.errno or 0)}); check folder and disk") from None


def write_files(folder: Path, contents: Mapping[Path, bytes]) -> None:
    """Write files one after the other, each atomically. contents: by path in the folder. Raises HarError."""
    try:
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with replacing(folder / path) as part:
                part.write_bytes(content)
    except OSError as error:
        raise HarError(f"cannot write {folder} ({one_line(error)}); check folder and disk") from None


@contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Make a folder of results and keep other processes out of it, for as long as the block lasts.

    Raises ConfigurationError when another one is at work in it, and HarError when it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise HarError(f"cannot write {folder} ({os.strerror(error.errno or 0)}); check folder and disk") from None
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(place)
        raise ConfigurationError(
            f"another process is at work in {folder}; wait for it, or give another folder"
        ) from None
    except OSError:  # a file system that has no locks
        pass
    try:
        yield
    finally:
        os.close(place)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, atomically; NaN becomes null. Raises HarError."""
    with atomic(path) as file:
        json.dump(finite(value), file, indent=1, ensure_ascii=False)
        file.write("\n")


def finite(value: Any) -> Any:
    """Return a JSON value in which None stands for every number that is not finite."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value

"""Memory that a server on the same machine can read, so that windows need not travel."""

from __future__ import annotations

import fcntl
import mmap
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path("/dev/shm")
PREFIX = "har_ros-"


class Region:
    """A file in /dev/shm whose name exists on this machine only. It is locked as long as this process uses it."""

    def __init__(self, size: int) -> None:
        """Make one of `size` bytes. Raises OSError where there is no room for it."""
        self.name = f"{PREFIX}{uuid.uuid4().hex}"
        self.path = FOLDER / self.name
        hidden = FOLDER / f".{self.name}"  # until it is locked, so that nobody takes it for a leftover
        self._file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            hidden.rename(self.path)
            os.posix_fallocate(self._file, 0, size)  # or a write would end the process where memory is short
            self.bytes: NDArray[np.uint8] = np.frombuffer(mmap.mmap(self._file, size), np.uint8)
        except OSError:
            hidden.unlink(missing_ok=True)
            self.close()
            raise

    def close(self, in_use: bool = False) -> None:
        """Remove it, or leave it over while a server uses it."""
        if not in_use:
            self.path.unlink(missing_ok=True)
        fcntl.flock(self._file, fcntl.LOCK_UN)  # the map has a descriptor of its own, and may live longer
        os.close(self._file)


@dataclass(frozen=True)
class Place:
    """Where a window lies. offset: in bytes."""

    region: Region
    offset: int


def leftovers() -> Iterator[Path]:
    """Yield this user's regions whose processes have ended; nobody else has one before the next is asked for."""
    for path in FOLDER.glob(f"{PREFIX}*"):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # another user's, or gone
            continue
        try:
            if os.fstat(file).st_uid == os.getuid():
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield path
        except BlockingIOError:  # its process lives
            continue
        finally:
            os.close(file)

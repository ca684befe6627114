"""Files that are complete or do not exist."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, for a file that replaces it at the end; a reader sees the old or the new one.

    Where the block raises, the new one is removed. Raises OSError.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())  # else a machine that loses power may keep the name and not the content
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)

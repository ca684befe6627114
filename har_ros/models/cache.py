"""Files that took work to make: in the user's cache folder, written atomically, checked by checksum."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from har_ros.errors import ModelError


def cache_folder() -> Path:
    """Return har_ros's folder below $XDG_CACHE_HOME, ~/.cache when that is not set (XDG base directories)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "har_ros"


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cached(name: str, make: Callable[[], bytes]) -> Path:
    """Return the cache's file `name`; make it when it is not there or not what was written.

    Its checksum lies beside it in sha256sum's format. Raises ModelError when the folder cannot be written.
    """
    path = cache_folder() / name
    checksum = path.with_name(name + ".sha256")
    try:
        if path.is_file() and checksum.is_file() and checksum.read_bytes() == _checksum_line(sha256(path), name):
            return path
    except OSError:
        pass  # what cannot be read is made again
    content = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_atomically(path, content)
        _write_atomically(checksum, _checksum_line(hashlib.sha256(content).hexdigest(), name))
    except OSError as error:
        raise ModelError(
            f"cannot use the cache folder {path.parent} ({error.strerror}); make it writable or set XDG_CACHE_HOME"
        ) from None
    return path


def _checksum_line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode()


def _write_atomically(path: Path, content: bytes) -> None:
    """Write beside the file, then rename: a reader sees the old file or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

"""Files that took work to make: in the user's cache folder, written atomically, checked by checksum, made once."""

import atexit
import errno
import hashlib
import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from har_ros.errors import ModelError
from har_ros.files.atomic import replacing

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return har_ros's folder below $XDG_CACHE_HOME, ~/.cache when that is not set (XDG base directories)."""
    return user_cache_path("har_ros")


def own_folder(name: str = "") -> Path:
    """Return the cache's folder `name`, made where it is missing. Raises OSError.

    Engines are code, and others could plant one: another user's folder is refused, and the user's own is closed to
    everyone else. A folder of root, which nobody else can write, is read like an installed file.
    """
    top = cache_folder()
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    if foreign(top):
        raise PermissionError(errno.EPERM, "it belongs to another user, or others can write it")
    if top.stat().st_uid == os.getuid():
        with suppress(OSError):  # a cache that may only be read
            top.chmod(0o700)
    folder = top / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def foreign(path: Path) -> bool:
    """Return whether anyone but this user and root could have written a file, a folder or the link to it.

    A folder of one's own is not foreign: own_folder closes it. Raises OSError when it is not there.
    """
    link, target = path.lstat(), path.stat()
    if not {link.st_uid, target.st_uid} <= {os.getuid(), 0}:
        return True
    own_directory = stat.S_ISDIR(target.st_mode) and target.st_uid == os.getuid()
    return not own_directory and bool(target.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def digest(path: Path, algorithm: str) -> str:
    """Return the file's checksum in hexadecimal; `algorithm` is one of hashlib's names."""
    result = hashlib.new(algorithm)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            result.update(block)
    return result.hexdigest()


def digests(files: Iterable[Path]) -> str:
    """Return the SHA-256 of files, one after the other. Raises OSError."""
    return " ".join(digest(file, "sha256") for file in files)


def cached(name: str, make: Callable[[], bytes], keep: int = 8) -> Path:
    """Return the cache's file `name`; make it when it is not there or not what was written.

    Its checksum lies beside it in sha256sum's format. Another process that makes the same file is waited for. Of the
    files with the same suffix in that folder, the `keep` that were used last stay. Where the folder cannot be
    written, a warning says so and the file is made for this process alone.
    """
    path = cache_folder() / name
    content: bytes | None = None
    try:
        own_folder(str(Path(name).parent))
        if _intact(path):
            return _used(path)
        with locked(path):
            if _intact(path):  # another process has just made it
                return _used(path)
            content = make()
            _write(path, content)
        with suppress(OSError):  # another process may be doing the same
            _forget_the_oldest(path, keep)
        return path
    except OSError as error:
        logger.warning(
            "cannot use the cache folder %s (%s), so this start's work is lost; make it writable or set XDG_CACHE_HOME",
            path.parent,
            error.strerror,
        )
    try:
        fallback = _private_folder() / path.name
        fallback.write_bytes(make() if content is None else content)
    except OSError as error:
        raise ModelError(
            f"there is no place for {name} ({error.strerror}); make room on the disk of {path.parent}"
        ) from None
    return fallback


def discard(path: Path) -> None:
    """Forget a file of the cache that is of no use, with its checksum and its lock."""
    for file in (path, _checksum_file(path), _lock_file(path)):
        file.unlink(missing_ok=True)


def _checksum_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _lock_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _checksum_line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode()


def _intact(path: Path) -> bool:
    try:
        if foreign(path) or foreign(_checksum_file(path)):
            return False
        return _checksum_file(path).read_bytes() == _checksum_line(digest(path, "sha256"), path.name)
    except OSError:  # what is not there or cannot be read is made again
        return False


def _used(path: Path) -> Path:
    """Note the time of use, by which the oldest are found."""
    with suppress(OSError):  # a cache that may only be read
        os.utime(path)
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock, which lies beside it; wait for it, and say so. Raises OSError."""
    lock = FileLock(_lock_file(path))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("another process is making %s; waiting for it", path.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as part:
        part.write_bytes(content)
    with replacing(_checksum_file(path)) as part:
        part.write_bytes(_checksum_line(hashlib.sha256(content).hexdigest(), path.name))


def _forget_the_oldest(path: Path, keep: int) -> None:
    files = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in files[keep:]:
        if old != path:
            discard(old)


@cache
def _private_folder() -> Path:
    folder = mkdtemp(prefix="har_ros-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def fingerprint(files: Sequence[Path]) -> str:
    """Return the SHA-256 of files and their names."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name} {digest(file, 'sha256')}\n".encode())
    return total.hexdigest()

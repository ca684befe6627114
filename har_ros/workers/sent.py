"""Files that a work needs, on a machine that lacks them: in its cache, under their checksum, written once."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from har_ros.files.cache import digest, locked, own_folder
from har_ros.workers.there import MachineError

SENT = "sent"
KEPT = 8
"""Sets of files in the cache, at most."""
ABANDONED = 24 * 3600
"""Seconds after which a set that is not complete is one of a process that was killed."""


def checksum(digests: Mapping[str, str]) -> str:
    """Return the name of a set of files, of which digests are the SHA-256 by relative path."""
    lines = sorted(f"{digest}  {name}\n" for name, digest in digests.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32]


def unpacked(digests: Mapping[str, str], content: Callable[[str], Any]) -> Path:
    """Return the folder with these files; they are written when they are not there or not what was sent.

    content: returns the bytes of one. Raises HarError.
    """
    try:
        top = own_folder(SENT)
        folder = top / checksum(digests)
        with locked(folder):
            if not _intact(folder, digests):
                _write(folder, digests, content)
        os.utime(folder)
        with suppress(OSError):  # another process may be doing the same
            _forget_the_oldest(top)
    except OSError as error:
        raise MachineError(
            f"cannot write what was sent to {os.uname().nodename} ({error.strerror}); make its cache folder writable"
        ) from None
    return folder


def _intact(folder: Path, digests: Mapping[str, str]) -> bool:
    try:
        return all(digest(folder / name, "sha256") == wanted for name, wanted in digests.items())
    except OSError:
        return False


def _write(folder: Path, digests: Mapping[str, str], content: Callable[[str], Any]) -> None:
    part = Path(mkdtemp(dir=folder.parent, prefix="."))
    try:
        for name in digests:
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content(name))
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _forget_the_oldest(top: Path) -> None:
    folders = sorted((one for one in top.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime, reverse=True)
    parts = [one for one in folders if one.name.startswith(".")]
    for old in [one for one in folders if one not in parts][KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
        old.with_name(f".{old.name}.lock").unlink(missing_ok=True)
    for part in parts:
        if part.stat().st_mtime < time.time() - ABANDONED:
            shutil.rmtree(part, ignore_errors=True)

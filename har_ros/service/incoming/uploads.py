"""Uploads in parts: who may begin how many, and what of what arrives counts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import TypeVar

from fastapi import HTTPException

from har_ros.service.incoming.upload import KEPT, UNCHECKED, Upload, read_upload, uploads_in, write_upload

MOST, MOST_OF_ONE = 500, 50
"""Uploads that no job took yet, at most, and those of one client."""
LARGEST_OF_ONE = 4
"""What those of one client may have together, in videos of the greatest size."""
SILENCE = 5.0
"""Seconds after which a connection that sends nothing is taken for broken: its client may have come back already."""
WAIT = {"Retry-After": "60"}
ALGORITHMS = ("sha1", "sha256")
T = TypeVar("T")


class Uploads:
    """The uploads in a folder. One process may use it; its threads may do so at the same time."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        """most_bytes: of an upload. Raises OSError."""
        path.mkdir(parents=True, exist_ok=True)
        self.path, self.most_bytes = path, most_bytes
        self._creating, self._lock = Lock(), Lock()
        self._busy: set[str] = set()

    def create(self, name: str, length: int, metadata: str, owner: str) -> Upload:
        """Start an upload. Raises HTTPException when it is too large, or there are too many; OSError."""
        with self._creating:
            self.tidy()
            self._check(length, owner)
            number = uuid.uuid4().hex
            place = self.path / number
            place.mkdir()
            upload = Upload(number, name, length, metadata, owner, 0, time.time() + KEPT)
            (place / upload.file).touch()
            write_upload(place, upload)
        return upload

    def get(self, number: str) -> Upload:
        """Return an upload. Raises HTTPException."""
        upload = read_upload(self.path / number) if re.fullmatch("[0-9a-f]{32}", number) else None
        if upload is None or upload.expires < time.time():
            raise HTTPException(404, "there is no such upload; it is a job already, was erased, or never was")
        return upload

    def finished(self, number: str) -> Upload:
        """Return an upload that is complete. Raises HTTPException."""
        upload = self.get(number)
        if upload.offset < upload.length:
            raise HTTPException(409, f"the upload has {upload.offset} of {upload.length} bytes; send the rest first")
        return upload

    def erase(self, number: str) -> None:
        """Remove an upload. Raises HTTPException."""
        with self.alone(self.get(number).id):
            shutil.rmtree(self.path / number, ignore_errors=True)

    def move(self, upload: Upload, place: Path) -> None:
        """Put an upload that is finished into a job's folder. Raises HTTPException, OSError."""
        with self.alone(upload.id):
            path = self.path / upload.id / upload.file
            with path.open("rb") as file:
                os.fsync(file.fileno())  # else a machine that loses power may have the job without its video
            path.replace(place / upload.file)
            shutil.rmtree(path.parent, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what was left. Raises OSError."""
        for place in list(self.path.iterdir()):
            with suppress(FileNotFoundError, HTTPException), self.alone(place.name):
                upload = read_upload(place)
                if (upload.expires if upload else place.stat().st_mtime + KEPT) < time.time():
                    shutil.rmtree(place, ignore_errors=True)

    @contextmanager
    def alone(self, number: str) -> Iterator[None]:
        """Keep others from an upload. Raises HTTPException while somebody else does."""
        with self._lock:
            if number in self._busy:
                raise HTTPException(423, "another request is at this upload; try again when it is over")
            self._busy.add(number)
        try:
            yield
        finally:
            with self._lock:
                self._busy.remove(number)

    async def append(
        self, upload: Upload, blocks: AsyncIterator[bytes], algorithm: str = "", digest: bytes = b""
    ) -> None:
        """Write blocks at an upload's offset, for one who is alone with it. Each counts at once.

        With an algorithm, they count together, when all are there and have the digest. Raises HTTPException, OSError.
        """
        place = self.path / upload.id
        unchecked = place / f"{UNCHECKED}.{upload.offset}"
        checksum = hashlib.new(algorithm) if algorithm else None
        with await asyncio.to_thread(self._open, upload) as file:
            if checksum:
                unchecked.touch()
            async for block in _without_silence(blocks):
                await asyncio.to_thread(_write, file, block)
                if checksum:
                    await asyncio.to_thread(checksum.update, block)
        if checksum and not hmac.compare_digest(checksum.digest(), digest):
            raise HTTPException(460, f"the {algorithm} of what arrived is another; send it again")
        unchecked.unlink(missing_ok=True)

    def _open(self, upload: Upload) -> FileIO:
        """Open an upload's file at its offset, without what does not count."""
        place = self.path / upload.id
        file = (place / upload.file).open("r+b", buffering=0)
        file.truncate(upload.offset)
        file.seek(upload.offset)
        for path in place.glob(f"{UNCHECKED}.*"):
            path.unlink()
        return file

    def _check(self, length: int, owner: str) -> None:
        """Raise HTTPException when a client may not begin an upload of so many bytes."""
        if length > self.most_bytes:
            raise HTTPException(
                413, f"{length:,} bytes are more than the {self.most_bytes:,} of a video; send a smaller one"
            )
        there = uploads_in(self.path)
        own = [one.length for one in there if one.owner == owner]
        if len(there) >= MOST:
            raise HTTPException(503, f"{MOST} uploads are open; try again later", WAIT)
        if len(own) >= MOST_OF_ONE:
            raise HTTPException(429, f"{MOST_OF_ONE} uploads of yours are open; finish or erase one", WAIT)
        if sum(own) + length > LARGEST_OF_ONE * self.most_bytes:
            raise HTTPException(429, f"your uploads that are open take {sum(own):,} bytes; finish or erase one", WAIT)


async def before_silence(coming: Awaitable[T], status: int, remedy: str) -> T:
    """Return what comes next of a request. Raises HTTPException, which says what to do, when nothing does for long."""
    try:
        return await asyncio.wait_for(coming, SILENCE)
    except asyncio.TimeoutError:
        raise HTTPException(status, f"nothing came for {SILENCE:g} s; {remedy}") from None


async def _without_silence(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the blocks as they come. Raises HTTPException when none comes for too long."""
    with suppress(StopAsyncIteration):
        while True:
            yield await before_silence(anext(blocks), 503, "go on at the offset that HEAD gives")


def _write(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]

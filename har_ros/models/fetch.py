"""Downloads a card's files: downloads that resume, checksums, archives that cannot write outside their folder."""

from __future__ import annotations

import bz2
import errno
import gzip
import http.client
import lzma
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError

from har_ros.errors import ModelError, one_line
from har_ros.files.cache import cache_folder, digest, locked, own_folder
from har_ros.models.card import Card, SourceFile
from har_ros.models.locate import Model

TIMEOUT = 30.0
"""Seconds without a byte after which a download is given up."""
BLOCK = 1 << 18
LIMIT = 8 << 30
"""Bytes that a file may have, unpacked, when its card does not say."""

LARGEST_READ = 1 << 24
"""Maximum bytes to read from an archive at once."""
_PACKED: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ": lzma.open, b"BZh": bz2.open}
"""What a packed file begins with → what unpacks it."""

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes so far and, where known, of how many."""


def fetch(model: Model[Card], progress: Progress) -> list[Path]:
    """Download the card's missing files into its downloads folder. Returns them. Raises ModelError."""
    folder = model.downloads
    try:
        own_folder(str(folder.relative_to(cache_folder())))
        with locked(folder / "fetch"):
            missing = model.missing()  # unless another process has just downloaded them
            for url in dict.fromkeys(file.url for file in missing):
                _fetch_url(url, [file for file in missing if file.url == url], folder, progress)
    except OSError as error:
        raise ModelError(
            f"cannot write to {folder} ({error.strerror or error}); make room there, or it writable"
        ) from None
    return [folder / file.name for file in missing]


def _fetch_url(url: str, files: list[SourceFile], folder: Path, progress: Progress) -> None:
    """Download to a .part, which stays when the connection breaks; verify in a scratch folder, then rename."""
    part = folder / f"{PurePosixPath(url).name}.part"
    whole = [file.size for file in files if file.member is None and file.size]
    download(url, part, progress, whole[0] if whole else LIMIT)
    with TemporaryDirectory(dir=folder, prefix=".") as scratch:
        try:
            for file in files:
                made = Path(scratch, file.name)
                if file.member is None:
                    part.replace(made)
                else:
                    extract(part, file.member, made, file.size or LIMIT)
                _verify(made, file, url)
        except ModelError:
            part.unlink(missing_ok=True)  # what does not verify is not resumed
            raise
        for file in files:
            Path(scratch, file.name).replace(folder / file.name)
    part.unlink(missing_ok=True)


def download(url: str, part: Path, progress: Progress, limit: int = LIMIT) -> None:
    """Download a URL to a file, resuming after what is already there. Raises ModelError; what was downloaded stays.

    limit: bytes after which it is aborted, a little later.
    """
    have = part.stat().st_size if part.exists() else 0
    try:
        with _opened(url, have) as response:
            if response is None:  # all of it is there
                return
            resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
            have = have if resumed else 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length and length.isdigit() else None
            with part.open("ab" if resumed else "wb") as file:
                while block := response.read(BLOCK):
                    have += file.write(block)
                    progress(part.stem, have, total)
                    if have > limit:
                        part.unlink()  # it must not be resumed
                        raise ModelError(f"{url} sends more than the {limit} bytes expected; fix the card")
    except (URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise ModelError(f"cannot download {url} ({one_line(reason)}); try again, it resumes from there") from None
    if total is not None and have != total:
        raise ModelError(f"{url} ended after {have} of {total} bytes; try again, it resumes from there")


@contextmanager
def _opened(url: str, have: int) -> Iterator[http.client.HTTPResponse | None]:
    """Open the URL from byte `have` on; None when there is nothing after it."""
    headers = {"User-Agent": "har_ros", **({"Range": f"bytes={have}-"} if have else {})}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            yield response
    except HTTPError as error:
        if have and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            yield None
        else:
            raise


def extract(archive: Path, member: str, target: Path, limit: int) -> None:
    """Write one regular file of a .tar(.gz, .xz, .bz2) or .zip to `target`, and nothing else.

    member: its path in the archive, or the end of it. Raises ModelError, also when any path leads out of the archive.
    """
    try:
        with _contents(archive) as (names, opened):
            for name in names:
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    raise ModelError(
                        f"{archive.name} holds {name!r}, a path outside its folder; do not use this archive"
                    )
            found = [name for name in names if f"/{name}".endswith(f"/{member}")]
            if len(found) != 1:
                raise ModelError(
                    f"{archive.name} holds {len(found)} files {member}, where one is expected; fix the card"
                )
            with opened(found[0]) as source, target.open("wb") as file:
                _copy(source, file, limit, member)
    except Exception as error:  # a damaged archive raises nearly anything
        on_disk = isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)
        if on_disk or isinstance(error, ModelError):
            raise
        raise ModelError(f"{archive.name} is no archive that can be read ({one_line(error)}); fetch it again") from None


@contextmanager
def _contents(archive: Path) -> Iterator[tuple[list[str], Callable[[str], IO[bytes]]]]:
    """Yield the names in an archive, and what opens one of them."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield zipped.namelist(), zipped.open
        return
    with _unpacked(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:

        def opened(name: str) -> IO[bytes]:
            file = tar.extractfile(name) if tar.getmember(name).isreg() else None
            if file is None:
                raise ValueError(f"{name} is no regular file")
            return file

        yield tar.getnames(), opened


@contextmanager
def _unpacked(archive: Path) -> Iterator[IO[bytes]]:
    """Yield a tar's content, of which little is read at once: tarfile would read the gigabytes that a header claims."""
    with archive.open("rb") as file:
        opened = next((kind for magic, kind in _PACKED.items() if file.peek(6).startswith(magic)), None)
        with opened(archive) if opened else archive.open("rb") as stream:
            yield cast(IO[bytes], _Bounded(stream))


class _Bounded:
    """A file of which a header is read at once, or a block, and LIMIT bytes at most."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.tell, self.close = file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes. Raises ValueError for too many."""
        if not 0 <= size <= LARGEST_READ:
            raise ValueError(f"a header claims {size} bytes")
        return bytes(self._file.read(size))

    def seek(self, place: int) -> int:
        """Go to a place and return it. Raises ValueError when it is too far."""
        if place > LIMIT:
            raise ValueError(f"it unpacks to more than {LIMIT} bytes")
        return int(self._file.seek(place))


def _copy(source: IO[bytes], target: IO[bytes], limit: int, name: str) -> None:
    left = limit
    while block := source.read(BLOCK):
        left -= len(block)
        if left < 0:
            raise ValueError(f"{name} has more than the {limit} bytes expected")
        target.write(block)


def _verify(path: Path, file: SourceFile, url: str) -> None:
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        raise ModelError(
            f"{file.name} from {url} has {size} bytes, {file.size} expected; it was discarded, fetch it again"
        )
    if file.checksum is not None:
        algorithm, _, expected = file.checksum.partition(":")
        if (actual := digest(path, algorithm)) != expected:
            raise ModelError(
                f"{file.name} from {url} has the checksum {actual[:12]}…, {expected[:12]}… expected; "
                "it was discarded, fetch it again or fix the card"
            )

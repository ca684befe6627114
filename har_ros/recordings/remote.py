"""Recordings at addresses such as s3://bucket/bag, fetched for as long as they are read: fsspec."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from har_ros.errors import ConfigurationError, HarError, one_line
from har_ros.recordings.recording import BagError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://(?!.*::)[^/].*")
MOST_FILES = 10_000
"""In a folder that is fetched."""


class FetchError(BagError):
    """What lies at an address cannot be had."""


class Address(str):
    """Where a recording lies that is not on this machine's disk: PROTOCOL://PLACE, as fsspec knows it."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Its protocol, the names of its folders, and its own; of a web address, with what it asks for (?…)."""
        protocol, _, where = self.partition("://")
        folders, mark, asked = where.partition("?") if protocol in ("http", "https") else (where, "", "")
        *above, own = PurePosixPath(folders).parts
        return (f"{protocol}:", *above, own + mark + asked)

    @property
    def name(self) -> str:
        """The last part; of a web address, without what it asks for."""
        return self.parts[-1].partition("?")[0] if self.startswith(("http:", "https:")) else self.parts[-1]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    def absolute(self) -> Address:
        """Return itself, as a path does."""
        return self

    def expanduser(self) -> Address:
        """Return itself, as a path does."""
        return self


Place = Path | Address


def place(text: str) -> Place:
    """Return what a user gives: an address, or a path."""
    return Address(text) if _ADDRESS.fullmatch(text) else Path(text)


@contextmanager
def local(where: Place) -> Iterator[Path]:
    """Lend the path of a recording; what lies at an address is fetched, and removed at the end.

    Raises HarError; one that the block raises names the address, not what was fetched.
    """
    if isinstance(where, Path):
        yield where
        return
    with TemporaryDirectory(prefix="har_ros-") as folder:
        target = Path(folder, where.name)
        try:
            _fetch(where, target)
        except (BagError, ConfigurationError):
            raise
        except ImportError as error:  # the package of a protocol
            raise ConfigurationError(f"{where} cannot be read ({one_line(error)}); install what it names") from None
        except Exception as error:  # of any protocol
            raise FetchError(
                f"{where} cannot be fetched ({type(error).__name__}: {one_line(error)[:200]}); check the address, and "
                "that this machine may read it"
            ) from None
        try:
            yield target
        except HarError as error:
            raise type(error)(named(str(error), target, where)) from None


def named(text: str, path: Path, where: Place) -> str:
    """Return a sentence that calls a recording what its user does. path: where it was opened."""
    return text.replace(str(path), str(where))


def _fetch(where: Address, target: Path) -> None:
    """Fetch a file, or a folder's files. Raises HarError, and whatever a protocol raises."""
    system, root = _file_system(where)
    system.invalidate_cache()  # of listings, which may be older than the recording
    if not system.exists(root):
        raise FetchError(f"{where} does not exist; check the address")
    if not system.isdir(root):
        found = {target: (root, system.info(root))}
    else:
        listed = system.find(root, detail=True)
        names = {PurePosixPath(name).relative_to(PurePosixPath(root.rstrip("/"))): name for name in listed}
        if strange := [name for name in names if ".." in name.parts]:
            raise BagError(f"{where} has a file {str(strange[0])!a}, outside of it; remove that")
        found = {target / inside: (name, listed[name]) for inside, name in names.items()}
    if len(found) > MOST_FILES:
        raise BagError(f"{where} has {len(found)} files; give a single recording")
    size, free = sum(info.get("size") or 0 for _, info in found.values()), shutil.disk_usage(target.parent).free
    if size >= free:
        raise BagError(f"{where} has {size} bytes, and {target.parent} room for {free}; set TMPDIR to a larger disk")
    for path, (name, _) in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(name, str(path))


def _file_system(where: Address) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise ConfigurationError(f"{where} needs fsspec ({error}); run: pip install fsspec s3fs") from None
    try:
        system, root = fsspec.core.url_to_fs(str(where))
    except ValueError as error:  # a protocol that nobody knows
        raise ConfigurationError(f"{where} is no address that can be read ({one_line(error)}); check it") from None
    return system, str(root)

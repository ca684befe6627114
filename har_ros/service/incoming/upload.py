"""An upload in parts, on disk: what arrived counts, whatever becomes of the connection or of the server."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from har_ros.files.atomic import replacing

ABOUT, UNCHECKED = "upload.json", "unchecked"
KEPT = 86_400.0
"""Seconds that an upload stays to which nothing is added."""


@dataclass(frozen=True)
class Upload:
    """How an upload stands. length, offset: bytes in all, and those that count. expires: seconds since 1970.

    metadata: the header Upload-Metadata, as the client gave it. owner: whose it is.
    """

    id: str
    name: str
    length: int
    metadata: str
    owner: str
    offset: int
    expires: float

    @property
    def file(self) -> str:
        """The name of the file that holds it."""
        return f"input{PurePath(self.name).suffix.lower()}"


def write_upload(place: Path, upload: Upload) -> None:
    """Write what is to be known of an upload into its folder. Raises OSError."""
    about = {name: getattr(upload, name) for name in ("name", "length", "metadata", "owner")}
    with replacing(place / ABOUT) as path:
        path.write_text(json.dumps(about), encoding="utf-8")


def read_upload(place: Path) -> Upload | None:
    """Return the upload in a folder, None when it is not there, not all of it, or of another version of har_ros."""
    try:
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        upload = Upload(place.name, **about, offset=0, expires=0.0)
        there = (place / upload.file).stat()
    except (FileNotFoundError, NotADirectoryError, TypeError, ValueError):
        return None
    unchecked = next(place.glob(f"{UNCHECKED}.*"), None)
    offset = int(unchecked.suffix[1:]) if unchecked else there.st_size
    return replace(upload, offset=offset, expires=there.st_mtime + KEPT)


def uploads_in(folder: Path) -> list[Upload]:
    """Return the uploads in the folder of all. Raises OSError."""
    return [upload for place in folder.iterdir() if (upload := read_upload(place))]


def promised(folder: Path) -> int:
    """Return the number of bytes that are still to come of the uploads in a folder. Raises OSError."""
    return sum(one.length - one.offset for one in uploads_in(folder))

"""The service's datasets: folders of class folders with clips; its own ones, and those of a folder of the server."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from threading import Lock

from fastapi import HTTPException

from har_ros.errors import ConfigurationError
from har_ros.files.schema import shown
from har_ros.learning.class_folders import VIDEOS, class_folders, videos_in

MOST_DATASETS, MOST_CLASSES, MOST_CLIPS = 100, 100, 2000
"""Of the service, of a dataset, of a dataset."""
LONGEST_NAME = 50
"""Characters; in UTF-8, and with what is put before and after them, they are fewer than the 255 bytes of a file's."""
NAME = re.compile(rf"\w(?:[\w .()+-]{{0,{LONGEST_NAME - 2}}}[\w()+-])?")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\s*\..*)?", re.IGNORECASE)
"""What Windows takes for a device."""


def checked_name(what: str, name: str) -> str:
    """Return a name that a folder can have anywhere. Raises HTTPException."""
    found = unicodedata.normalize("NFC", name)
    if not NAME.fullmatch(found) or RESERVED.fullmatch(found):
        raise HTTPException(
            422,
            f"{what} cannot be called {shown(name)}; give up to {LONGEST_NAME} letters, digits, spaces and .()+-_, "
            "beginning with a letter or a digit, and no name of a device",
        )
    return found


def file_name(name: str) -> str:
    """Return what a clip is called whose file has a name, which may be anything."""
    stem = PurePath(name.replace("\\", "/")).stem
    return re.sub(r"[^\w .()+-]", "_", unicodedata.normalize("NFC", stem))[:LONGEST_NAME].strip(" .") or "clip"


@dataclass(frozen=True)
class Clip:
    """A clip of a class. id: in addresses. name: its path in the class. group: of clips of a person or a source."""

    id: str
    name: str
    group: str
    path: Path

    @classmethod
    def of(cls, path: Path, place: Path) -> Clip:
        """Return the clip of a file in the folder of a class."""
        name = path.relative_to(place)
        number = hashlib.sha256(f"{place.name}/{name.as_posix()}".encode()).hexdigest()[:16]
        return cls(number, name.as_posix(), name.parts[0] if len(name.parts) > 1 else name.stem, path)


@dataclass(frozen=True)
class Stored:
    """A dataset. own: whether it can be changed. clips: the folder of classes. home: for what is made of it.

    lock: held while names in it are looked for and taken.
    """

    name: str
    own: bool
    clips: Path
    home: Path
    lock: Lock

    @property
    def classes(self) -> dict[str, Path]:
        """The classes and their folders."""
        return {place.name: place for place in class_folders(self.clips) if _is_text(place.name)}

    def content(self) -> dict[str, list[Clip]]:
        """Return the clips of each class."""
        return {label: _clips_in(place) for label, place in self.classes.items()}

    def changed(self) -> float:
        """Return when a class or a clip was last added or erased, in seconds since 1970."""
        found = [0.0]
        for folder, _, _ in os.walk(self.clips):
            with suppress(OSError):  # it was erased meanwhile
                found.append(Path(folder).stat().st_mtime)
        return max(found)

    def of_class(self, label: str) -> list[Clip]:
        """Return the clips of a class. Raises HTTPException."""
        return _clips_in(self._folder(label))

    def clip(self, label: str, number: str) -> Clip:
        """Return a clip. Raises HTTPException."""
        found = next((clip for clip in self.of_class(label) if clip.id == number), None)
        if found is None or not found.path.is_file():  # a pipe, say, or a link to nothing
            raise HTTPException(404, f"the class {label} has no clip {shown(number)}; it was erased, or never was")
        return found

    def picture(self, clip: Clip) -> Path:
        """Return where the picture of a clip is kept."""
        return self.home / "pictures" / f"{clip.id}.jpg"

    def add_class(self, name: str) -> str:
        """Make a class, and return its name. Raises HTTPException, OSError."""
        with self._changing():
            label = checked_name("a class", name)
            _refuse_twice("class", label, self.classes, MOST_CLASSES)
            (self.clips / label).mkdir()
        return label

    def remove_class(self, label: str) -> None:
        """Erase a class with its clips. Raises HTTPException, OSError."""
        with self._changing():
            for clip in self.of_class(label):
                self.picture(clip).unlink(missing_ok=True)
            erase_folder(self._folder(label))

    def add_clip(self, label: str, group: str, name: str, made: Path) -> Clip:
        """Move a clip that was made to its place. Raises HTTPException, OSError.

        group: that of clips of a person or a source in any class; empty, it is one of its own.
        """
        with self._changing():
            self.refuse_clips(label)
            place, stem = self._folder(label), file_name(name)
            if group:
                folder = place / checked_name("a group", group)
                path = folder / f"{_free(stem, [folder], '.mp4')}.mp4"
            else:
                own = _free(stem, self.classes.values())
                path = place / own / f"{own}.mp4"
            path.parent.mkdir(exist_ok=True)
            made.replace(path)
        return Clip.of(path, place)

    def remove_clip(self, label: str, number: str) -> None:
        """Erase a clip. Raises HTTPException, OSError."""
        with self._changing():
            clip = self.clip(label, number)
            clip.path.unlink(missing_ok=True)
            self.picture(clip).unlink(missing_ok=True)
            with suppress(OSError):  # others of its group are there
                clip.path.parent.rmdir()

    def remove(self) -> None:
        """Erase the dataset. Raises HTTPException, OSError."""
        with self._changing():
            erase_folder(self.clips)
            shutil.rmtree(self.home, ignore_errors=True)

    def refuse_clips(self, label: str) -> None:
        """Raise HTTPException when a class takes no further clip."""
        self.refuse_changes()
        self._folder(label)
        if sum(len(videos_in(place)) for place in self.classes.values()) >= MOST_CLIPS:
            raise HTTPException(409, f"{self.name} has {MOST_CLIPS} clips, the most that a dataset has; erase some")

    def refuse_changes(self) -> None:
        """Raise HTTPException when the dataset is only read."""
        if not self.own:
            raise HTTPException(409, f"{self.name} is a folder of the server, which is only read; change it there")

    def _folder(self, label: str) -> Path:
        """Return the folder of a class. Raises HTTPException."""
        place = self.classes.get(label)
        if place is None:
            raise HTTPException(404, f"{self.name} has no class {shown(label)}")
        return place

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep others from changing the datasets. Raises HTTPException when this one is only read, or gone."""
        self.refuse_changes()
        with self.lock:
            if not self.clips.is_dir():
                raise HTTPException(404, f"there is no dataset {self.name}")
            yield


class Datasets:
    """The datasets below a folder of the service, and those in a folder of the server, which are only read."""

    def __init__(self, own: Path, made: Path, given: Path | None) -> None:
        """own: with a folder for each dataset of the service. made: for what is made of each. given: as own, only read.

        Raises ConfigurationError.
        """
        if given is not None and not _can_be_read(given):
            raise ConfigurationError(
                f"{given} is no folder that can be read; give one that holds the folders of datasets (--datasets)"
            )
        if given is not None:
            _refuse_classes(given)
        self._own, self._made, self._given = own, made, given
        self._changing = Lock()

    def all(self) -> dict[str, Stored]:
        """Return the datasets by their names."""
        own = sorted(path for path in self._own.iterdir() if path.name[0] != ".")
        given = _datasets_in(self._given) if self._given else []
        found = [(True, path) for path in own] + [(False, path) for path in given if NAME.fullmatch(path.name)]
        return {path.name: Stored(path.name, own, path, self._made / path.name, self._changing) for own, path in found}

    def get(self, name: str) -> Stored:
        """Return a dataset. Raises HTTPException."""
        found = self.all().get(name)
        if found is None:
            raise HTTPException(404, f"there is no dataset {shown(name)}")
        return found

    def add(self, given: str) -> Stored:
        """Make an empty dataset. Raises HTTPException, OSError."""
        name = checked_name("a dataset", given)
        with self._changing:
            _refuse_twice("dataset", name, self.all(), MOST_DATASETS)
            (self._own / name).mkdir()
        return self.get(name)


def _clips_in(place: Path) -> list[Clip]:
    """Return the clips in the folder of a class, without those whose names nobody can be told."""
    return [Clip.of(path, place) for path in videos_in(place) if _is_text(path.relative_to(place).as_posix())]


def _is_text(name: str) -> bool:
    """Return whether a file's name is UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _can_be_read(folder: Path) -> bool:
    """Return whether it is a folder, and one that can be looked into; lost+found cannot."""
    try:
        class_folders(folder)
    except OSError:
        return False
    return True


def _datasets_in(given: Path) -> list[Path]:
    return [path for path in class_folders(given) if _can_be_read(path)]


def _refuse_classes(given: Path) -> None:
    """Raise ConfigurationError for a folder of classes, or of one, which is no folder of datasets."""
    places = _datasets_in(given)
    if any(map(class_folders, places)):
        return
    for place in (given, *places):
        if any(path.suffix.lower() in VIDEOS for path in place.iterdir()):
            raise ConfigurationError(
                f"there are videos directly in {place}, which seems to be a class of a dataset; give the folder "
                f"in which the dataset lies, {place.resolve().parent.parent} (--datasets)"
            )


def _refuse_twice(what: str, name: str, there: Mapping[str, object], most: int) -> None:
    if same := next((other for other in there if other.casefold() == name.casefold()), ""):
        raise HTTPException(409, f"there is a {what} {same} already; give another name")
    if len(there) >= most:
        raise HTTPException(409, f"there are {most} of them, and no more than that; erase a {what} first")


def _free(name: str, folders: Collection[Path], suffix: str = "") -> str:
    """Return the name, or one with a number, that nothing has in any of the folders."""
    number, free = 1, name
    while any((folder / f"{free}{suffix}").exists() for folder in folders):
        number += 1
        free = f"{name}-{number}"
    return free


def erase_folder(folder: Path) -> None:
    """Remove a folder; its name is free at once. Raises OSError."""
    gone = folder.with_name(f".{uuid.uuid4().hex}")
    folder.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)

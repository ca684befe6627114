"""What the API of teaching is given, and what it shows."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from har_ros.learning.choices import MODEL, Person
from har_ros.service.teaching.datasets import Clip, Stored
from har_ros.service.teaching.lessons import Kind, Lesson


class Named(BaseModel):
    """The name of what is to be made."""

    model_config = ConfigDict(extra="forbid")
    name: str


class LessonOptions(BaseModel):
    """What a network is taught with. name: of the network, empty: as the dataset's. person: of networks that take
    skeletons, who of several people counts. background: further windows of none, empty for what is usual.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = ""
    model: str = MODEL
    person: Person | None = None
    background: Literal["", "world", "off"] = ""
    mirror: bool = True


class ClipView(BaseModel):
    """A clip. group: whom or what it shows; clips of one are either taught with or tested with."""

    id: str
    name: str
    group: str

    @classmethod
    def of(cls, clip: Clip) -> ClipView:
        """Return what is shown of a clip."""
        return cls(id=clip.id, name=clip.name, group=clip.group)


class ClassView(BaseModel):
    """A class of a dataset: how many clips it has, and of how many groups."""

    name: str
    clips: int
    groups: int


class DatasetView(BaseModel):
    """A dataset. own: whether it can be changed; others are folders of the server."""

    name: str
    own: bool
    classes: list[ClassView]

    @classmethod
    def of(cls, dataset: Stored) -> DatasetView:
        """Return what is shown of a dataset."""
        found = {label: dataset.of_class(label) for label in dataset.classes}
        classes = [
            ClassView(name=label, clips=len(clips), groups=len({clip.group for clip in clips}))
            for label, clips in found.items()
        ]
        return cls(name=dataset.name, own=dataset.own, classes=classes)


class LessonView(BaseModel):
    """A check or a training. log: its lines, as far as they are new; said: how many there were so far."""

    kind: Kind
    state: str
    options: dict[str, Any]
    network: str
    started: float
    ended: float | None
    doing: str
    done: int
    total: int
    error: str
    result: dict[str, Any] | None
    log: list[str]
    said: int

    @classmethod
    def of(cls, lesson: Lesson, since: int = 0) -> LessonView:
        """Return what is shown of a lesson. since: the number of the first line of the log that is new."""
        shown = {name: getattr(lesson, name) for name in cls.model_fields if name not in ("log", "said")}
        said = lesson.said
        return cls(**shown, log=lesson.since(since), said=said)

"""What the API of teaching is given, and what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile

from har_ros.learning.choices import MODEL, Person
from har_ros.service.incoming.orders import FORM, small_form, video_of
from har_ros.service.teaching.datasets import Clip, Stored
from har_ros.service.teaching.lessons import Kind, Lesson

CLIP_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["video"],
                    "properties": {
                        "video": {
                            "type": "string",
                            "format": "binary",
                            "description": "the clip, a few seconds of the action",
                        },
                        "group": {
                            "type": "string",
                            "description": "that of clips of a person or a source; empty: one of its own",
                            "default": "",
                        },
                    },
                }
            }
        },
    }
}
"""For OpenAPI: the body that `read_clip` takes."""


@dataclass(frozen=True)
class SentClip:
    """A clip in a form. group: that of clips of a person or a source, empty: one of its own."""

    video: UploadFile
    group: str


async def read_clip(request: Request) -> AsyncIterator[SentClip]:
    """Read the form of a request. Raises HTTPException."""
    async with small_form(request) as form:
        group = form.get("group", "")
        if not isinstance(group, str):
            raise HTTPException(422, "group is a file; send it as text")
        yield SentClip(video_of(form), group)


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
    """A clip. group: its clips, of a person or a source, are either all taught with or all tested with."""

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
    def of(cls, dataset: Stored, content: Mapping[str, Sequence[Clip]]) -> DatasetView:
        """Return what is shown of a dataset. content: the clips of its classes."""
        classes = [
            ClassView(name=label, clips=len(clips), groups=len({clip.group for clip in clips}))
            for label, clips in content.items()
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

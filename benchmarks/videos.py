"""What a network for skeletons says of the people in a video, window by window as in the node."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from har_ros.errors import ModelError
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.window import Frame
from har_ros.learning.people import People, PeopleFinder
from har_ros.pipeline.recognizer import Recognizer, Result


def people_of(path: Path, finder: PeopleFinder) -> People:
    """Return who is in a video, which has one camera; the pose network runs once for all benchmarks."""
    [people] = finder.look_at(path)
    return people


def answers(people: People, recognizer: Recognizer, skip: int = 0) -> list[Result]:
    """Return what the network says of every window of everybody, by the windows' ends. skip: skeletons left out
    between two, as a slower camera would.
    """
    found = chain.from_iterable(answers_by_person(people, recognizer, skip))
    return sorted(found, key=lambda result: result.end)


def answers_by_person(people: People, recognizer: Recognizer, skip: int = 0) -> list[list[Result]]:
    """Return what the network says of every window of each person. Arguments as for answers."""
    return [answers_to(recognizer, skeletons[:: 1 + skip]) for skeletons in people.skeletons().values()]


def answers_to(recognizer: Recognizer, frames: Iterable[Frame]) -> list[Result]:
    """Return what a network says of every window that these frames give. Raises ModelError."""
    stream, found = recognizer.stream(StreamSettings()), list[Result]()
    for frame in frames:
        if not stream.push(frame):
            continue
        [result] = recognizer.recognize([stream])
        if isinstance(result, ModelError):
            raise result
        if result is not None:
            found.append(result)
    return found

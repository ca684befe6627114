"""Files from which a job goes on: all that is known of a video so far, but for the networks themselves."""

from __future__ import annotations

import copyreg
import logging
import pickle
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import IO, Any

from har_ros.errors import one_line
from har_ros.files.atomic import replacing
from har_ros.files.versions import version_of
from har_ros.pipeline.recognition import Networks

logger = logging.getLogger(__name__)

VERSION = version_of("har_ros")
PLAIN = {("collections", "Counter"), ("collections", "deque"), ("_thread", "allocate_lock"), ("_thread", "lock")}
"""What a state has of Python; Lock is a type from Python 3.13 on, and has another name."""
ARRAYS = ("_frombuffer", "_reconstruct", "scalar")
"""NumPy's functions that make arrays and numbers."""


def save(path: Path, networks: Networks, state: Any) -> bool:
    """Write a state that refers to the networks, atomically. Returns whether it could be. Raises OSError.

    It cannot where a backend keeps a part of it, as that of a continual network does.
    """
    try:
        with replacing(path) as part, part.open("wb") as file:
            _Pickler(file, networks).dump((VERSION, state))
    except (pickle.PicklingError, TypeError, RuntimeError):
        return False
    return True


def load(path: Path, networks: Networks) -> Any:
    """Return the state that was saved, with these networks; None where there is none of this version of har_ros."""
    try:
        with path.open("rb") as file:
            version, state = _Unpickler(file, networks).load()
    except FileNotFoundError:
        return None
    except Exception as error:  # of another version, or cut short: pickle raises anything
        logger.warning("%s cannot be used: %s (%s)", path, type(error).__name__, one_line(error))
        return None
    return state if version == VERSION else None


def _shared(networks: Networks) -> list[object]:
    """Return what a state refers to, and does not contain."""
    people = networks.persons
    return [networks, networks.recognizer, people, people and people.recognizer]


class _Pickler(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table.copy()
    dispatch_table[type(Lock())] = lambda _: (Lock, ())  # nobody holds one between two frames

    def __init__(self, file: IO[bytes], networks: Networks) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._places = {id(one): place for place, one in enumerate(_shared(networks)) if one is not None}

    def reducer_override(self, one: Any) -> Any:
        """Write members of enumerations by their value: some versions of Python write how to look them up."""
        return (type(one), (one.value,)) if isinstance(one, Enum) else NotImplemented

    def persistent_id(self, one: Any) -> int | None:
        """Return the place of what is not contained."""
        return self._places.get(id(one))


class _Unpickler(pickle.Unpickler):
    """Makes objects of har_ros and NumPy and plain ones only, whatever a file asks for."""

    def __init__(self, file: IO[bytes], networks: Networks) -> None:
        super().__init__(file)
        self._shared = _shared(networks)

    def find_class(self, module: str, name: str) -> Any:
        """Return what makes an object. Raises UnpicklingError for what a state does not contain."""
        root = module.partition(".")[0]
        if (module, name) in PLAIN or (root == "numpy" and name in ARRAYS):
            return super().find_class(module, name)
        if root in ("har_ros", "numpy"):
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__.partition(".")[0] == root:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a state")

    def persistent_load(self, place: int) -> object:
        """Return what is at this place."""
        return self._shared[place]

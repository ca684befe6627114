"""What must be on another machine as it is on the one that asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from har_ros.errors import ConfigurationError
from har_ros.files.versions import COMPUTING, version_of


class MachineError(ConfigurationError):
    """A machine cannot do its part, though the work may be right."""


PACKAGES = (*COMPUTING, "scikit-learn", "scipy", "onnx", "av")
"""Those that compute the results of works."""


def versions() -> dict[str, str]:
    """Return the versions of PACKAGES on this machine."""
    return {name: version_of(name) for name in PACKAGES}


def check_versions(wanted: Mapping[str, str]) -> None:
    """Raise MachineError where a package has another version, which may compute otherwise."""
    for name, version in wanted.items():
        if (here := version_of(name)) != version:
            raise MachineError(
                f"{os.uname().nodename} has {name} {here}, the machine that asks has {version}; install the same "
                "versions on all nodes, since results would differ"
            )


def check_backend(here: str, wanted: str) -> None:
    """Raise MachineError where a network is run by something else. here, wanted: see Backend.name."""
    if here != wanted:
        raise MachineError(
            f"{os.uname().nodename} runs the network on {here}, the machine that asks on {wanted}; set backend and "
            "precision to what all have, such as openvino and f32: results would differ"
        )


def check_same(path: Path, here: str, wanted: str) -> None:
    """Raise MachineError where a recording is another one. here, wanted: names of what is kept of it."""
    if here != wanted:
        raise MachineError(
            f"{os.uname().nodename} has another recording at {path} than the machine that asks, or it changed "
            "meanwhile; give both the same, and do it again"
        )


def check_seen(path: Path) -> None:
    """Raise MachineError where a recording is not seen that the machine that asks has."""
    if not path.exists():
        raise MachineError(
            f"{os.uname().nodename} does not see {path}; put recordings where all nodes have them under the same path"
        )

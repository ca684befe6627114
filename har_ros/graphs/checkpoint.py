"""Reads a pickled checkpoint as data: numpy arrays in dicts, nothing that could run code."""

import pickle
from pathlib import Path
from typing import Any

from har_ros.errors import ModelError, one_line

_ADMITTED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise ModelError(f"the checkpoint asks for {module}.{name}, which is not numpy data; do not use this file")
        return super().find_class(module, name)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the nested dict of arrays in the pickle at `path`. Raises ModelError."""
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file).load()
    except ModelError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(f"{path} is not a checkpoint ({reason}); install it again") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}, not a dict of arrays; install it again")
    return content

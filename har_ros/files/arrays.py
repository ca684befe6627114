"""Arrays as the content of a file, and back."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray


def as_npz(arrays: Mapping[str, Any]) -> bytes:
    """Return arrays as the content of an .npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def read_npz(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of an .npz file; None where it is damaged. Raises OSError."""
    content = io.BytesIO(path.read_bytes())
    try:
        with np.load(content, allow_pickle=False) as arrays:
            return dict(arrays)
    except (EOFError, ValueError, BadZipFile, zlib.error):
        return None

"""Windows as JPEG, for slow links: all frames of one in a single image, below each other."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError
from har_ros.graphs.prepare import PreparedNetwork

SUFFIX = "-jpeg"
"""What the name of the server's model that reads JPEG has after the network's."""
INPUT = "jpeg"
QUALITY = 90
"""Of 100; what other values cost is in docs/how-to/triton.md."""
TALLEST = 65_500
"""Rows of an image, at most: libjpeg's limit."""


def is_wanted(network: PreparedNetwork, transport: str) -> bool:
    """Return whether the network's windows travel as JPEG: skeletons and embeddings do not.

    Raises ConfigurationError for windows that are too large for it.
    """
    if transport != "jpeg" or network.type != "uint8":
        return False
    if (rows := int(np.prod(network.shape[:-2]))) > TALLEST:
        raise ConfigurationError(
            f"transport is jpeg, but a window of {network.name} has {rows} rows of pixels, and JPEG {TALLEST} at most; "
            "use fewer frames, or transport:=raw"
        )
    return True


def encode(window: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of a window, uint8 (T×)H×W×3 RGB."""
    tall = window.reshape(-1, *window.shape[-2:])
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return np.asarray(cv2.imencode(".jpg", cv2.cvtColor(tall, cv2.COLOR_RGB2BGR), quality)[1], np.uint8).reshape(-1)

"""Pictures in pages."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 160
"""Pixels of a picture's longer side."""


def data_url(rgb: NDArray[np.uint8]) -> str:
    """Return a small picture, as it can stand in a page. rgb: H×W×3."""
    scale = SIDE / max(rgb.shape[:2])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()

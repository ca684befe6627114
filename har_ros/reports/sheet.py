"""Pictures in rows with captions, as one PNG."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from har_ros.errors import HarError
from har_ros.files.atomic import replacing
from har_ros.frames.pixels import Pixels

WIDTH, HEIGHT = 192, 144
"""Pixels of a cell; pictures keep their proportions."""
CAPTION = 34
TITLE = 30
LONGEST = 20_000
"""Pixels of a sheet's height, at most."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Row:
    """title: above it, empty for none. cells: a picture (H×W×3 RGB, None for an empty one) and its caption."""

    title: str
    cells: Sequence[tuple[Pixels | None, str]]


def draw_sheet(rows: Sequence[Row], path: Path, columns: int) -> None:
    """Write the rows, wrapped behind so many cells. What exceeds LONGEST is left out. Raises HarError."""
    lines: list[Pixels] = []
    for row in rows:
        if row.title:
            lines.append(_text(row.title, columns * WIDTH, TITLE, 0.6))
        for start in range(0, len(row.cells), columns):
            cells = [_cell(*cell) for cell in row.cells[start : start + columns]]
            cells += [np.full((HEIGHT + CAPTION, WIDTH, 3), 255, np.uint8)] * (columns - len(cells))
            lines.append(np.concatenate(cells, axis=1))
    while sum(len(line) for line in lines) > LONGEST:
        lines.pop()
    encoded = cv2.imencode(".png", cv2.cvtColor(np.concatenate(lines), cv2.COLOR_RGB2BGR))[1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(encoded.tobytes())
    except OSError as error:
        raise HarError(f"cannot write {path} ({os.strerror(error.errno or 0)}); check folder and disk") from None


def _cell(picture: Pixels | None, caption: str) -> Pixels:
    cell = np.full((HEIGHT, WIDTH, 3), 238, np.uint8)
    if picture is not None:
        scale = min((WIDTH - 4) / picture.shape[1], (HEIGHT - 4) / picture.shape[0])
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
        cell[top : top + size[1], left : left + size[0]] = small
    return np.concatenate([cell, _text(caption, WIDTH, CAPTION, 0.36)])


def _text(text: str, width: int, height: int, scale: float) -> Pixels:
    """Return black text on white, in up to two lines; OpenCV's font has ASCII only."""
    field = np.full((height, width, 3), 255, np.uint8)
    ascii_only = text.replace("–", "-").encode("ascii", "replace").decode()
    step = 14 if scale < 0.5 else 22
    for number, line in enumerate(wrapped(ascii_only, width - 6, scale)[: max(1, height // step)]):
        cv2.putText(field, line, (3, step * (number + 1) - 3), _FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return field


def wrapped(text: str, width: int, scale: float) -> list[str]:
    """Return a text's lines, at most so many pixels wide, broken at blanks and slashes where that is possible."""

    def pixels(line: str) -> int:
        return int(cv2.getTextSize(line, _FONT, scale, 1)[0][0])

    lines = [""]
    for part in re.findall(r"[^ /]*[ /]+|[^ /]+", text):
        if lines[-1] and pixels(lines[-1] + part.rstrip()) > width:
            lines.append("")
        for letter in part:
            if pixels(lines[-1] + letter) > width and letter != " ":
                lines.append("")
            lines[-1] += letter
    return lines

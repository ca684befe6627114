"""Video annotations of the VGG Image Annotator (VIA 3): its projects (JSON) and its exports (CSV).

Dutta and Zisserman, The VIA Annotation Software for Images, Audio and Video (ACM Multimedia 2019);
www.robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from har_ros.errors import ConfigurationError
from har_ros.files.schema import shown

HEADER = "# CSV_HEADER ="
Row = dict[str, Any]


def is_via(text: str) -> bool:
    """Return whether a CSV file is an export of VIA."""
    return any(line.lstrip('"').startswith(HEADER) for line in text.splitlines()[:40])


def csv_rows(path: Path, text: str) -> list[tuple[str, Row]]:
    """Return where each temporal segment stands, and its bag, start, end and label. Raises ConfigurationError."""
    lines = text.splitlines()
    attributes: Mapping[str, Any] = {}
    names: list[str] = []
    for line in lines:
        key, _, value = line.partition("=")
        if key.startswith("# ATTRIBUTE"):
            attributes = _json(value, f"{path}: its attributes")
        elif key.startswith(HEADER.rstrip(" =")):
            names = [name.strip() for name in value.split(",") if name.strip()]
    rows: list[tuple[str, Row]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path} line {number}"
        try:
            record = dict(zip(names, next(csv.reader(io.StringIO(line))), strict=False))
            files, values = _json(record["file_list"], where), _json(record["metadata"], where)
            if "temporal_coordinates" in record:
                times = _json(record["temporal_coordinates"], where)
            else:
                times = [float(record["temporal_segment_start"]), float(record["temporal_segment_end"])]
            rows += _row(where, files, times, values, attributes)
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration, csv.Error) as error:
            raise ConfigurationError(f"{where} is no annotation of VIA ({error!r}); export it again") from None
    return rows


def json_rows(path: Path, text: str) -> list[tuple[str, Row]]:
    """Like csv_rows, of a project."""
    project = _json(text, str(path))
    rows: list[tuple[str, Row]] = []
    try:
        for name, entry in project["metadata"].items():
            files = [project["file"][str(fid)] for fid in project["view"][str(entry["vid"])]["fid_list"]]
            named = [file.get("fname") or file["src"] for file in files]
            rows += _row(f"{path}: {name}", named, entry["z"], entry["av"], project["attribute"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{path} is no project of VIA 3 ({error!r}); save it again") from None
    return rows


def _row(
    where: str, files: list[str], times: list[float], values: Mapping[str, str], attributes: Mapping[str, Any]
) -> Iterator[tuple[str, Row]]:
    """Yield a temporal segment; what marks a moment, or a region of an image, is none."""
    if len(times) != 2 or times[0] == times[1]:
        return
    labels = [label for key, value in values.items() for label in _labels(attributes.get(key), value)]
    if not labels:
        raise ConfigurationError(f"{where}: the segment from {times[0]:g} to {times[1]:g} s has no label; give it one")
    for file in files:
        bag = PurePosixPath(unquote(urlsplit(file).path) if "://" in file else file).name
        yield where, {"start": float(times[0]), "end": float(times[1]), "label": labels, "bag": bag}


def _labels(attribute: Any, value: str) -> list[str]:
    """Return an attribute's value in words: options are stored by number, checkboxes as several, with commas."""
    options = attribute.get("options", {}) if isinstance(attribute, Mapping) else {}
    parts = [part.strip() for part in value.split(",")] if options else [value.strip()]
    names = [str(options.get(part, part)) for part in parts] if all(p in options for p in parts) else [value.strip()]
    return [name for name in names if name and name != "_DEFAULT"]


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{where} is no JSON ({shown(text)}); export it again") from None

"""Links to cameras, streams and films: what is shown of one, and whether a film broke off before its end."""

from __future__ import annotations

import re
from typing import Any

FEW = 50
"""Of so many frames one may be missing: headers count some that are never shown."""
LEAST_RATE, MOST_RATE = 1.0, 240.0
"""Frames per second; other numbers in a header are none."""
PATIENCE = 10.0
"""Seconds that are waited for the header of a film that may have broken off."""


def shown(link: str) -> str:
    """Return a link for messages and logs: without user and password in front of the host, and without its query."""
    place, asks, _ = re.sub(r"(?<=://)[^/?#]*@", "", link, count=1).partition("?")
    return f"{place}?…" if asks else place


def missing(link: str, count: int, rate: float, read: int, last: float) -> int:
    """Return how many frames are behind the last one; 0 where they are few, or where that cannot be known.

    OpenCV does not tell the end of a film from that of the connection.

    count, rate: frames and frames per second, as the header has them. read: frames that came. last: time of the last
    one, milliseconds. Only a film that seems to have too few of them is asked for its length, with another request.
    """
    few = max(2, count // FEW)
    if count - read <= few or not LEAST_RATE <= rate <= MOST_RATE:
        return 0
    behind = round((_length(link, count / rate) - last / 1000) * rate) - 1
    return min(count - read, behind) if behind > few else 0


def _length(link: str, counted: float) -> float:
    """Return the seconds that a film shows, 0 where it may be less. counted: as its frames have it.

    The count has frames that were cut off without encoding the others again, or is an estimate; a film with sound may
    have less to see than to hear.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(link, timeout=PATIENCE) as container:
            kind, video = container.format.name, container.streams.video[0]
            start = float((video.start_time or 0) * (video.time_base or 0))
            length = (container.duration or 0) / av.time_base - start
            if "mp4" in kind:
                return min(counted, length)
            if "matroska" in kind:
                return length if len(container.streams) == 1 else _seconds(video.metadata) - start
            return counted if kind == "avi" else 0.0
    except (FFmpegError, IndexError, OSError):  # it cannot be reached any more
        return counted


def _seconds(metadata: dict[str, Any]) -> float:
    """Return what .mkv files say of a stream, such as 00:00:04.000000000; 0 where they do not."""
    try:
        hours, minutes, seconds = map(float, metadata["DURATION"].split(":"))
    except (KeyError, ValueError):
        return 0.0
    return 3600 * hours + 60 * minutes + seconds

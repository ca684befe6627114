"""Joins videos that VideoFile wrote, without encoding them again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from har_ros.errors import VideoError
from har_ros.files.atomic import replacing


def join(parts: Sequence[Path], path: Path) -> None:
    """Write an .mp4 of parts of the same size and rate, one after the other. Raises VideoError."""
    try:
        with replacing(path) as joined, av.open(f"file:{parts[0]}") as first:
            options = {"movflags": "+faststart"}
            with av.open(f"file:{joined}", "w", format="mp4", container_options=options) as output:
                stream = output.add_stream_from_template(first.streams.video[0])
                start = 0
                for part in parts:
                    start = _append(part, output, stream, start)
    except (FFmpegError, OSError) as error:
        reason = os.strerror(getattr(error, "errno", 0) or 0)
        raise VideoError(f"cannot write '{path}' ({reason}); check folder and disk") from None


def _append(part: Path, output: OutputContainer, stream: VideoStream, start: int) -> int:
    """Append a part that starts at this time, in units of its stream. Returns its end."""
    with av.open(f"file:{part}") as container:
        source = container.streams.video[0]
        for packet in container.demux(source):
            if packet.dts is None or packet.pts is None:  # the end
                continue
            packet.dts, packet.pts = packet.dts + start, packet.pts + start
            packet.stream = stream
            output.mux(packet)
        return start + (source.duration or 0)

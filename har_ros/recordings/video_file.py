"""Writes video files: H.264 with the index in front, which browsers play, too."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.logging
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError, VideoError

av.logging.set_level(av.logging.PANIC)  # what FFmpeg would print, VideoError says

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".avi": "avi"}
"""Suffix → FFmpeg's name. All take H.264 but .avi, which takes Motion JPEG: large, and played by no browser."""
COLOURS = {"colorspace": "smpte170m", "color_range": "tv"}  # what FFmpeg converts BGR to
ENCODERS: dict[str, dict[str, object]] = {
    "libx264": {"preset": "ultrafast", "crf": "18", **COLOURS},
    "libopenh264": {"rc_mode": "off", "qmin": "14", "qmax": "14", **COLOURS},
}
"""For H.264, the preferred first; which of them FFmpeg has depends on who built it.

ultrafast takes no more processor time than MPEG-4 part 2; veryfast takes four times that, which the network needs.
"""
MOTION_JPEG: dict[str, object] = {"qmin": "2", "qmax": "2"}
FINEST_RATE = 1001
"""Denominator of frames per second, at most: 30000/1001 is a common rate."""
MILLISECOND = Fraction(1, 1000)
"""In which frames have times; .mkv knows no finer ones, and .mp4 has room for hours between two frames."""


class VideoFile:
    """A video with the frames of the first one's size. The file takes its name when it is complete."""

    def __init__(self, path: Path, rate: float, timed: bool = False) -> None:
        """Raises ConfigurationError when the file cannot be written. rate: frames per second.

        timed: whether frames are shown at the times of their stamps and not at the rate; .avi knows no times.
        libopenh264 writes the H.264 where FFmpeg has no libx264; without both, only .avi can be written.
        """
        self.path = path
        self._rate = Fraction(rate).limit_denominator(FINEST_RATE)
        self._timed = timed and has_times(path)
        self._unit = MILLISECOND if self._timed else 1 / self._rate  # in which the file counts its time, seconds
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")
        self._output: tuple[OutputContainer, VideoStream] | None = None
        self._frames = 0
        self._first = 0  # stamp of the first frame
        self._last = -1  # milliseconds from it to the newest
        self._error: VideoError | None = None
        if path.suffix.lower() not in CONTAINERS:
            raise ConfigurationError(f"cannot write '{path}'; give a file that ends in {', '.join(CONTAINERS)}")
        if not path.absolute().parent.is_dir():
            raise ConfigurationError(f"cannot write '{path}', its folder does not exist; make it first")
        if path.is_dir():
            raise ConfigurationError(f"cannot write '{path}', which is a folder; give another name")
        self._container = CONTAINERS[path.suffix.lower()]
        self._encoder, self._options = _encoder(path, self._container)
        try:
            self._part.touch()  # a folder that cannot be written is found before the network has run
        except OSError as error:
            raise ConfigurationError(self._failed(error)) from None

    def show(self, pixels: NDArray[np.uint8], stamp: int = 0) -> bool:
        """Write the next frame, uint8 H×W×3 BGR; of an odd side, the last pixel is left out. Returns True.

        stamp: nanoseconds, where frames are timed; the first one's is 0 in the file, and of the others each is later.
        Raises VideoError; the file is then given up, and `close` raises it again.
        """
        if self._error:
            raise self._error
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        if not height or not width:
            raise VideoError(f"cannot write {self.path}, frames of {pixels.shape[1]}x{pixels.shape[0]} are too small")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="bgr24")
        frame.pts, frame.time_base = self._place(stamp), self._unit
        self._frames += 1
        try:
            container, stream = self._output = self._output or self._open(height, width)
            container.mux(stream.encode(frame))
        except (FFmpegError, OSError) as error:
            self.discard()
            self._error = VideoError(self._failed(error))
            raise self._error from None
        return True

    def close(self) -> None:
        """Finish the file; one without frames does not appear. Raises VideoError; the file is then given up."""
        if self._error:
            raise self._error
        try:
            if self._output is not None:
                container, stream = self._output
                container.mux(stream.encode(None))
                container.close()
                self._part.replace(self.path)
        except (FFmpegError, OSError) as error:
            raise VideoError(self._failed(error)) from None
        finally:
            self.discard()

    def discard(self) -> None:
        """Give the file up, unless it is finished."""
        output, self._output = self._output, None
        if output is not None:
            with suppress(FFmpegError, OSError):  # of a full disk
                output[0].close()
        with suppress(OSError):
            self._part.unlink()

    def _place(self, stamp: int) -> int:
        """Return where a frame stands in the file: its number, or its time in milliseconds."""
        if not self._timed:
            return self._frames
        if not self._frames:
            self._first = stamp
        self._last = max(self._last + 1, round((stamp - self._first) / 1e6))
        return self._last

    def _open(self, height: int, width: int) -> tuple[OutputContainer, VideoStream]:
        options = {"movflags": "+faststart"} if self._container in ("mp4", "mov") else {}
        # without "file:", FFmpeg takes what stands before a colon in the name for a protocol
        container = av.open(f"file:{self._part}", "w", format=self._container, container_options=options)
        stream = cast(VideoStream, container.add_stream(self._encoder, rate=self._rate))
        if self._timed:
            stream.codec_context.time_base = stream.time_base = self._unit
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if self._container == "avi" else "yuv420p"
        stream.options = self._options
        stream.codec_context.thread_count = 1  # the network has the others
        return container, stream

    def _failed(self, error: Exception) -> str:
        reason = os.strerror(getattr(error, "errno", 0) or 0)
        return f"cannot write '{self.path}' ({reason}); check folder and disk"


def has_times(path: Path) -> bool:
    """Return whether each frame of a file with this name can have a time of its own."""
    return CONTAINERS.get(path.suffix.lower()) != "avi"


def _encoder(path: Path, container: str) -> tuple[str, dict[str, object]]:
    """Return the encoder's name and options. Raises ConfigurationError when FFmpeg lacks it."""
    if container == "avi":
        return "mjpeg", MOTION_JPEG
    for name, options in ENCODERS.items():
        with suppress(UnknownCodecError):
            av.Codec(name, "w")
            return name, options
    raise ConfigurationError(
        f"cannot write '{path}', this FFmpeg has no {' or '.join(ENCODERS)} for H.264; "
        "run: pip install av, or give a file that ends in .avi"
    )

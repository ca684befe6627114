"""What a video may be, looked at before anything of it is decoded."""

from __future__ import annotations

import os
from pathlib import Path

import av
from av.error import FFmpegError

from har_ros.errors import HarError, no_video

MOST_PIXELS = 8192 * 4320
"""Of an image: 8K."""
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,asf,gif"
"""FFmpeg's readers of files. Not those of play lists, which open other files and addresses."""
CODECS = (
    "h264",
    "hevc",
    "av1",
    "vp8",
    "vp9",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "msmpeg4v3",
    "wmv1",
    "wmv2",
    "wmv3",
    "vc1",
    "h263",
    "mjpeg",
    "prores",
    "gif",
)
"""What cameras and editors write; the rarer a decoder, the less it was tested with what somebody made up."""


def limit_formats() -> None:
    """Let OpenCV open no other formats in this process than `check_video` does."""
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"format_whitelist;{FORMATS}"


def check_video(path: Path, longest: float) -> None:
    """Raise HarError for a video that is no job for this service. longest: seconds that it may last."""
    try:
        with av.open(f"file:{path}", options={"format_whitelist": FORMATS}) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None:
                raise HarError(f"{path} has no images; send a video")
            context = stream.codec_context
            codec = context.codec.canonical_name if context else "unknown"
            width, height = (context.width, context.height) if context else (0, 0)
            seconds = (container.duration or 0) / 1e6
    except (FFmpegError, ValueError, OSError):
        raise HarError(no_video(path)) from None
    if codec not in CODECS:
        raise HarError(f"the video's codec is {codec}; convert it: ffmpeg -i VIDEO -c:v libx264 copy.mp4")
    if width * height > MOST_PIXELS:
        raise HarError(f"the video has {width}x{height} pixels, more than 8192x4320; scale it down")
    if seconds > longest + 1:  # headers are rough; the frames' own times decide
        raise HarError(f"the video lasts {seconds / 60:.3g} minutes, longer than {longest / 60:.3g}; cut it")

"""The process that decodes what was sent: a clip becomes H.264 of a constant rate, and a picture is made of it.

Browsers record at the rate that the camera just has: images are placed by their stamps, and repeated where some lack.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import cv2

from har_ros.errors import HarError, VideoError, error_text
from har_ros.files.atomic import replacing
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import SECOND
from har_ros.recordings.bag import open_recording
from har_ros.recordings.clip_file import ClipFile
from har_ros.recordings.decoding import timed
from har_ros.recordings.pictures import Place, pictures
from har_ros.recordings.recording import VIDEO
from har_ros.recordings.source import sensible_rate
from har_ros.service.limits import check_video, limit_formats
from har_ros.service.process import end_with_the_server, prepare

FASTEST = 60.0
"""Images per second of a clip, at most."""
MAX_SIDE = 640
"""Pixels of a clip's longer side, at most, as record_action has them."""
QUALITY = 80


def take_in(source: Path, clip: Path, longest: float) -> None:
    """Write a clip of a video. longest: seconds. Raises HarError."""
    check_video(source, longest)
    capture = cv2.VideoCapture(str(source))
    own = sensible_rate(capture.get(cv2.CAP_PROP_FPS))
    rate = min(FASTEST, own)
    file, last = ClipFile(clip, rate, MAX_SIDE), -math.inf
    try:
        for frame, at in timed(str(source), capture, own):
            if frame is None:
                continue
            moment = at / 1000
            last = moment if moment > last else last + 1 / rate  # some files have no stamps
            if last > longest:
                raise VideoError(f"the clip lasts longer than {longest:g} s; cut it")
            file.take(CameraImage.of_array(frame, round(last * SECOND)))
        if not file.frames:
            raise VideoError("it is no video that can be decoded; try: ffmpeg -i CLIP -c:v libx264 copy.mp4")
        file.close()
    finally:
        file.discard()


def take_picture(clip: Path, picture: Path) -> None:
    """Write a small picture of a clip's middle. Raises HarError, OSError."""
    middle = round(open_recording(clip).duration / 2 * SECOND)
    [found] = pictures([Place(clip, VIDEO, (middle,))])
    if not found:
        raise VideoError("the clip cannot be decoded")
    encoded = cv2.imencode(".jpg", found[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    picture.parent.mkdir(parents=True, exist_ok=True)
    with replacing(picture) as part:
        part.write_bytes(encoded.tobytes())


def main() -> int:
    """Take a clip in, or make a picture of one that is there; print a line of JSON: error, empty if there is none."""
    parser = argparse.ArgumentParser(prog="python -m har_ros.service.teaching.intake", description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--source", type=Path, help="the video that the clip is made of")
    parser.add_argument("--longest", type=float, required=True, help="seconds of a clip, at most")
    parser.add_argument("--memory", type=int, required=True, help="bytes that this process may have, at most")
    options = parser.parse_args()
    end_with_the_server()
    limit_formats()
    prepare("intake", options.memory)
    error = ""
    try:
        if options.source:
            take_in(options.source, options.clip, options.longest)
        take_picture(options.clip, options.picture)
    except (HarError, OSError) as reason:
        error = error_text(reason)
    print(json.dumps({"error": error}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

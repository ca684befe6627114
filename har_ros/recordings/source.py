"""Frames for the command: from video files, folders of pictures, cameras and network streams."""

from __future__ import annotations

import os
import queue
import re
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import HarError, VideoError, no_video, one_line
from har_ros.files.text import CONTROL_CHARACTER, natural
from har_ros.frames.pixels import CameraImage
from har_ros.recordings.decoding import Frames, decoded
from har_ros.recordings.link import shown
from har_ros.recordings.live import NEVER, LiveFrames

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what FFmpeg prints about a file, VideoError says

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
DEFAULT_RATE = 25.0
AHEAD_OF_A_FILE = 8
"""Frames that are decoded ahead while the network works."""
AHEAD_OF_A_CAMERA = 64
"""Frames of a camera that wait while the network works; the oldest make room."""
HIGHEST_CAMERA = 2**31 - 1
"""Number of a camera that OpenCV takes, at most."""
LAST_FRAME = 1.0
"""Seconds that a source which is left waits for the frame that is being decoded; a stream may hang."""


@dataclass(frozen=True)
class SourceFrame:
    """pixels: uint8 H×W×3 BGR. index: from 0 on. stamp: nanoseconds, of a file from its start on.

    lost: number of frames before it that could not be decoded.
    """

    pixels: NDArray[np.uint8]
    index: int
    stamp: int
    lost: int = 0

    @property
    def image(self) -> CameraImage:
        """The frame as networks take it."""
        return CameraImage.of_array(self.pixels, self.stamp)


class Source:
    """What the frames come from. Iterate it once.

    live: a camera or a stream, whose frames do not wait. count: number of frames where known, else 0.
    """

    def __init__(
        self,
        name: str,
        frames: Frames,
        rate: float,
        count: int,
        live: bool,
        first: int = 0,
        stopped: Event | None = None,
    ) -> None:
        """frames: see Frames. first: index of the first of them. stopped: is set when no more are wanted."""
        self.name = name
        self.rate = rate
        self.count = count
        self.live = live
        self.dropped = 0  # frames of a camera for which the network was too slow
        self._frames = frames
        self._first = first
        self._queue: queue.Queue[SourceFrame | HarError | None] = queue.Queue(
            AHEAD_OF_A_CAMERA if live else AHEAD_OF_A_FILE
        )
        self._stopped, self._ended = stopped or Event(), Event()

    @property
    def waiting(self) -> bool:
        """Whether another frame is there already."""
        return not self._queue.empty()

    def __iter__(self) -> Iterator[SourceFrame]:
        """Decode in a thread of its own. Raises VideoError after the last good frame when the rest cannot be read."""
        leave = weakref.finalize(self, _leave, self._stopped, self._ended)  # at the latest when Python ends
        try:
            Thread(target=self._decode, name="decoder", daemon=True).start()
            while (item := self._queue.get()) is not None:
                if isinstance(item, HarError):
                    raise item
                yield item
        finally:
            leave()

    def _decode(self) -> None:
        try:
            self._read()
        finally:
            self._ended.set()

    def _read(self) -> None:
        shape: tuple[int, ...] = ()
        lost = 0
        try:
            for index, pixels in enumerate(self._frames, self._first):
                if pixels is None:
                    lost += 1
                    continue
                if shape not in ((), pixels.shape) and not self.live:
                    (height, width), (old_height, old_width) = pixels.shape[:2], shape[:2]
                    raise VideoError(
                        f"{self.name} changes its size at frame {index} from {old_width}x{old_height} to "
                        f"{width}x{height}; give the parts one by one"
                    )
                shape = pixels.shape
                stamp = time.time_ns() if self.live else round(index / self.rate * 1e9)
                if not self._put(SourceFrame(pixels, index, stamp, lost)):
                    return
                lost = 0
            if not shape:
                raise VideoError(f"{self.name} has no frames; check the file or the camera")
            self._put(None)
        except HarError as error:
            self._put(error)
        except Exception as error:  # such as OpenCV's; whoever waits for the next frame must get it
            self._put(VideoError(f"{self.name} cannot be decoded ({one_line(error)}); convert it to .mp4"))

    def _put(self, item: SourceFrame | HarError | None) -> bool:
        """Return False when it is no longer wanted."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, block=not self.live, timeout=0.1)
                return True
            except queue.Full:
                if self.live:
                    with suppress(queue.Empty):
                        self._queue.get_nowait()
                        self.dropped += 1
        return False


def _leave(stopped: Event, ended: Event) -> None:
    """End the decoding: a process that ends in the middle of it is aborted."""
    try:
        stopped.set()
        ended.wait(LAST_FRAME)
    except KeyboardInterrupt:
        ended.wait(LAST_FRAME)
        raise


def open_source(uri: str, give_up: float = NEVER) -> Source:
    """Open a video file, a folder of pictures, a camera (/dev/video0, 0) or a stream (rtsp://…). Raises VideoError.

    give_up: seconds without an image after which a camera or a stream ends, see LiveFrames.
    """
    check_name(uri)
    camera = re.fullmatch(r"(?:/dev/video)?(\d+)", uri)
    path = Path(uri).expanduser()
    if "://" in uri:
        return _of_live(uri, lambda: cv2.VideoCapture(uri), give_up)
    if camera and (not path.exists() or uri.startswith("/dev/")):
        number = min(int(camera.group(1)), HIGHEST_CAMERA)
        return _of_live(uri, lambda: cv2.VideoCapture(number), give_up)
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise VideoError(f"{uri!r} does not exist; give a video file, a folder of pictures, /dev/video0 or rtsp://…")
    return _of_file(uri, cv2.VideoCapture(str(path)))


def open_part(path: Path, first: int, times: NDArray[np.float64] | None) -> Source:
    """Open a video file or a folder of pictures at the frame with this index, which is at most the last one.

    times: milliseconds of each frame of a file from its start on. Raises VideoError, the source, too.
    """
    if path.is_dir():
        return _of_folder(path, first)
    return _of_file(str(path), cv2.VideoCapture(str(path)), first, times)


def check_name(name: str) -> None:
    """Raise VideoError for a file's name that cannot be shown.

    One that is not UTF-8 makes OpenCV crash, and no file of results can have it; a terminal obeys control characters.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise VideoError(f"the name {name!a} is not UTF-8; rename it") from None
    if CONTROL_CHARACTER.search(name):
        raise VideoError(f"the name {name!a} has control characters; rename it")


def _of_live(name: str, opened: Callable[[], cv2.VideoCapture], give_up: float) -> Source:
    capture = _interruptible(opened)
    if not capture.isOpened():
        raise VideoError(f"{shown(name)} cannot be opened as a video; check that it is there and free")
    live = LiveFrames(name, capture, opened, give_up)
    rate = sensible_rate(capture.get(cv2.CAP_PROP_FPS))
    return Source(shown(name), live.frames(), rate, 0, live=True, stopped=live.stopped)


def _interruptible(opened: Callable[[], cv2.VideoCapture]) -> cv2.VideoCapture:
    """Open in a thread of its own: a server may say nothing for 30 s, in which this one would heed no signal."""
    capture = Future[cv2.VideoCapture]()

    def fill() -> None:
        try:
            capture.set_result(opened())
        except Exception as error:
            capture.set_exception(error)

    try:
        Thread(target=fill, name="opening", daemon=True).start()
        return capture.result()
    except BaseException:  # a signal, say
        capture.add_done_callback(_release)
        raise


def _release(late: Future[cv2.VideoCapture]) -> None:
    """Close what was opened when nobody waited for it any more."""
    if late.exception() is None:
        late.result().release()


def _of_file(name: str, capture: cv2.VideoCapture, first: int = 0, times: NDArray[np.float64] | None = None) -> Source:
    if not capture.isOpened():
        raise VideoError(no_video(name))
    count, rate = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))), sensible_rate(capture.get(cv2.CAP_PROP_FPS))
    return Source(name, decoded(name, capture, rate, first, times), rate, count, live=False, first=first)


def _of_folder(folder: Path, first: int = 0) -> Source:
    pictures = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in PICTURES), key=lambda path: natural(path.name)
    )
    if not pictures:
        raise VideoError(f"{folder} holds no pictures ({', '.join(PICTURES)}); give a folder of them, or a video")
    return Source(str(folder), _pictures(pictures[first:]), DEFAULT_RATE, len(pictures), live=False, first=first)


def _pictures(paths: list[Path]) -> Iterator[NDArray[np.uint8]]:
    for path in paths:
        check_name(path.name)
        picture = cv2.imread(str(path))
        if picture is None:
            raise VideoError(f"{path} is no picture that can be read; remove or fix it")
        yield np.asarray(picture, np.uint8)


def sensible_rate(rate: float) -> float:
    """Return frames per second; files without a rate report 0, NaN or thousands, and 25 is a common one."""
    return rate if 1 <= rate <= 240 else DEFAULT_RATE

"""What idle:=auto leaves out, and what it saves.

python benchmarks/idle.py DATA       windows of all videos there and of the demo that are left out, and what they say
python benchmarks/idle.py --cameras  windows per second of two busy cameras beside 14 idle ones, over those of two alone

Each video is also shown forwards and backwards for half a minute, so that nothing moves for long enough where a clip of
two seconds shows nothing that does.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from har_ros.backends.backend import BackendSettings
from har_ros.frames.motion import Motion
from har_ros.frames.pixels import CameraImage, write_rgb
from har_ros.frames.sampling import SECOND, StreamSettings
from har_ros.frames.spec import Resize
from har_ros.models.locate import find_model
from har_ros.networks.clip import NewestFrames
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.stream import Stream
from har_ros.stats.intervals import proportion
from inputs import demo_videos
from measure import Setting, keep_to_this_machine, measure
from timing import median_time

MODEL, LENGTH = "i3d-kinetics-400", 64
SUFFIXES = (".mp4", ".gif", ".avi")
AUTO = StreamSettings(idle="auto")
LONG = 30.0  # seconds
Clip = NDArray[np.uint8]


@dataclass
class Windows:
    """Of one video: how many were ready and left out, and some of the latter, each with the idle one answered last."""

    ready: int = 0
    skipped: int = 0
    left_out: list[tuple[Clip, Clip]] = field(default_factory=list)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder of videos")
    parser.add_argument("--sample", type=int, default=30, help="windows that were left out that I3D looks at")
    parser.add_argument("--cameras", action="store_true")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each measurement of cameras")
    parser.add_argument("--cores", default="", help="2,3: where the cameras run, in place of beside the node")
    options = parser.parse_args()
    if options.cameras:
        cameras(options.seconds, frozenset(int(core) for core in options.cores.split(",") if core))
    if options.data:
        cost()
        videos(options.data, options.sample)


def cost() -> None:
    """Print what the measure takes, beside the resize of the image."""
    dice = np.random.default_rng(0)
    image = CameraImage.of_array(dice.integers(0, 256, (480, 640, 3), np.uint8), 0)
    slot, motion, stamp = np.empty((224, 224, 3), np.uint8), Motion(), itertools.count(0, SECOND // 15)
    resize = median_time(lambda: write_rgb(image, Resize("linear", 256), slot), 1000)
    movement = median_time(lambda: motion.take(slot, next(stamp)), 1000)
    print(f"resize of 640x480: {1e6 * resize:.0f} µs; movement: {1e6 * movement:.0f} µs")


def videos(folder: Path, sample: int) -> None:
    """Print how many windows are left out, and whether the network says of them what it said of the idle one before."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES) + demo_videos("Demo_*")
    left_out: list[tuple[Clip, Clip]] = []
    for name, there_and_back in (("as they are", False), (f"there and back for {LONG:.0f} s", True)):
        found = {path: windows_of(path, there_and_back, sample) for path in track(paths, name, transient=True)}
        ready, skipped = (
            sum(counts) for counts in zip(*((one.ready, one.skipped) for one in found.values()), strict=True)
        )
        print(f"{len(paths)} videos {name}: {proportion_text(skipped, ready)} of the windows left out")
        for path, one in found.items():
            if one.skipped:
                print(f"  {path}: {one.skipped} of {one.ready}")
                left_out += one.left_out
    if left_out:
        compare([left_out[i] for i in np.linspace(0, len(left_out) - 1, min(sample, len(left_out))).astype(int)])


def proportion_text(part: int, whole: int) -> str:
    """Return a share and its interval."""
    found = proportion(part, whole)
    return f"{part} of {whole} ({found.value:.1%}, {found.low:.1%} to {found.high:.1%})"


def windows_of(path: Path, there_and_back: bool, sample: int) -> Windows:
    """Show a video to a stream whose network is always free."""
    card = find_model(MODEL).card
    stream = Stream(NewestFrames(LENGTH, (224, 224, 3)), card, AUTO, stateless=True)
    found = Windows()
    last: Clip = np.empty(0, np.uint8)
    for image in images(path, there_and_back):
        before = stream.windows_idle
        if stream.push(image):
            with stream.window() as clip:
                if clip is not None:
                    found.ready += 1
                    last = clip.frames.copy() if clip.idle else last
        elif stream.windows_idle > before:
            found.ready, found.skipped = found.ready + 1, found.skipped + 1
            if found.skipped % 25 == 0 and last.size and len(found.left_out) < sample:
                found.left_out.append((newest(stream), last))
    return found


def newest(stream: Stream) -> Clip:
    """Return the newest window, though it was left out."""
    window = stream.memory.window
    frames = window.hold().frames.copy()
    window.release()
    return np.asarray(frames, np.uint8)


def images(path: Path, there_and_back: bool) -> Iterable[CameraImage]:
    """Yield a video's images as a camera would send them."""
    capture, frames = cv2.VideoCapture(str(path)), []
    rate = capture.get(cv2.CAP_PROP_FPS) or 25.0
    while (frame := capture.read()[1]) is not None:
        side = min(frame.shape[:2]) / 256
        size = round(frame.shape[1] / side), round(frame.shape[0] / side)
        frames.append(np.asarray(cv2.resize(frame, size), np.uint8))
    order = list(range(len(frames)))
    if there_and_back:
        order = list(itertools.islice(itertools.cycle(order + order[-2:0:-1]), round(LONG * rate)))
    for count, index in enumerate(order):
        yield CameraImage.of_array(frames[index], round((1 + count / rate) * SECOND))


def compare(pairs: list[tuple[Clip, Clip]]) -> None:
    """Print how often I3D says of a window that was left out what it said of the idle one answered last before."""
    with Recognizer.open(MODEL, BackendSettings("openvino"), continual=False) as recognizer:
        run = recognizer.network.backend.infer
        answers = [(run([left_out])[0], run([last])[0]) for left_out, last in track(pairs, "I3D", transient=True)]
    same = sum(int(p.argmax() == q.argmax()) for p, q in answers)
    changes = [float(np.abs(p - q).max()) for p, q in answers]
    print(f"the same first answer: {proportion_text(same, len(answers))}")
    print(f"largest change of a probability: median {np.median(changes):.3f}, 95 % {np.percentile(changes, 95):.3f}")


def cameras(seconds: float, cores: frozenset[int]) -> None:
    """Print what two busy cameras have beside 14 that show nothing new, and alone, with I3D."""
    keep_to_this_machine()
    settings = {
        "2 cameras alone": Setting(2, MODEL, moving=True, cores=cores),
        "16 cameras, 14 of them idle, idle:=off": Setting(16, MODEL, moving=True, still=14, cores=cores),
        "16 cameras, 14 of them idle, idle:=auto": Setting(16, MODEL, moving=True, still=14, idle="auto", cores=cores),
        "2 cameras alone, again": Setting(2, MODEL, moving=True, cores=cores),
    }
    alone = 0.0
    for name, setting in settings.items():
        found = measure(setting, seconds)
        alone = alone or found.of_moving
        print(
            f"{name}: {found.of_moving:.2f} windows/s of the two, {found.of_moving / alone:.2f} of those alone; "
            f"{found.windows - found.of_moving:.2f} of the others, {found.frames:.0f} images/s",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""What the command and the evaluation add to the network."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from figures import ratio
from har_ros.errors import HarError
from har_ros.evaluate.results import TIMING
from har_ros.files.results_folder import read_json
from har_ros.frames.window import Clip
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.bag import open_recording
from inputs import HEIGHT, WIDTH, frames_of
from part import Bench, Figures
from timing import rate_of

MODEL = "i3d-kinetics-400"
ACTIONNET = str(Path(sys.executable).with_name("actionnet"))


def bare(seconds: float) -> float:
    """Return the windows per second of the network alone, on one clip."""
    with Recognizer.open(MODEL) as recognizer:
        spec = recognizer.card.images
        clip = Clip(np.zeros((recognizer.network.length, spec.height, spec.width, 3), np.uint8), (0,))
        recognizer.network.run([clip], [None])
        return rate_of(lambda: recognizer.network.run([clip], [None]), seconds)


def command(bench: Bench) -> Figures:
    """Windows per second of the actionnet command on a file, from its first line to its last, over the network's."""
    film = repeated(bench.film, bench.folder / "long.mp4", 2)
    before = bare(bench.seconds / 4)
    arguments = [ACTIONNET, film, str(bench.folder / "out.mp4"), "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        arrivals = [time.perf_counter() for _ in process.stdout]
    if process.returncode or len(arrivals) < 2:
        raise failure(arguments, process.returncode)
    rate = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
    network = (before + bare(bench.seconds / 4)) / 2
    yield [ratio("actionnet command on a file / bare network", rate, network, "windows/s", aim="0.95")]


def failure(command: list[str], status: int) -> HarError:
    """Return the error for a command that gave no answers."""
    return HarError(f"the command ended with status {status} before its answers; see why: {shlex.join(command)}")


def evaluation(bench: Bench) -> Figures:
    """Windows per second of the evaluation of a bag, hashing and decoding included, over the network's."""
    film = repeated(bench.film, bench.folder / "long.mp4", 2)
    for name, videos in (("one camera", [film]), ("four cameras", [film] * 4)):
        before = bare(bench.seconds)
        with TemporaryDirectory(dir=bench.folder) as folder:
            bag, results = Path(folder, "bag"), Path(folder, "results")
            subprocess.run([ACTIONNET, "record", *videos, "-o", bag], check=True, capture_output=True)
            subprocess.run([ACTIONNET, "evaluate", bag, "-o", results], check=True, capture_output=True)
            [took] = read_json(results / TIMING).values()
            duration = open_recording(bag).duration
        network, wall = (before + bare(bench.seconds)) / 2, took["wall"]
        what = f"evaluation of a bag of {name}"
        yield [
            ratio(f"{what}, every window / bare network", took["runs"] / wall, network, "windows/s", aim="0.95"),
            ratio(f"{what}: its duration / the time that it takes", duration, wall, "s"),
        ]


def repeated(film: Path, long: Path, times: int) -> str:
    """Write the film several times over into one file."""
    writer = cv2.VideoWriter(str(long), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (WIDTH, HEIGHT))
    for frame in frames_of(film) * times:
        writer.write(frame)
    writer.release()
    return str(long)

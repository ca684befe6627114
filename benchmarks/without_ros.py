"""What the core and the command add to the network; what the backends and kinds of network cost."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rclpy.serialization import serialize_message

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.evaluate.results import TIMING
from har_ros.files.results_folder import read_json
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.window import Clip
from har_ros.graphs.prepare import merged
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.nodes.conversions import camera_image, header, image_message
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.bag import open_recording
from inputs import COMMAND_FILM, HEIGHT, WIDTH, encoder_decoder

MODEL = "i3d-kinetics-400"
Row = tuple[str, str, str]
"""Figure, measured, aim."""


def bare(seconds: float) -> float:
    """Return the windows per second of the network alone, on one clip."""
    with Recognizer.open(MODEL) as recognizer:
        spec = recognizer.card.images
        clip = Clip(np.zeros((recognizer.network.length, spec.height, spec.width, 3), np.uint8), (0,))
        recognizer.network.run([clip], [None])
        return rate_of(lambda: recognizer.network.run([clip], [None]), seconds)


def rate_of(action: Callable[[], object], seconds: float) -> float:
    """Return how often the action ends per second."""
    times, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        action()
        times += 1
    return times / elapsed


def command(folder: Path, seconds: float) -> list[Row]:
    """Windows per second of the actionnet command on a file, from its first line to its last, and of the network."""
    film = repeated(folder / COMMAND_FILM, folder / "long.mp4", 2)
    before = bare(seconds / 4)
    arguments = [str(Path(sys.executable).with_name("actionnet")), film, str(folder / "out.mp4"), "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        arrivals = [time.perf_counter() for _ in process.stdout]
    rate = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
    network = (before + bare(seconds / 4)) / 2
    return [
        ("actionnet command on a file / bare network", f"{rate / network:.2f} ({rate:.2f} / {network:.2f})", "0.95")
    ]


def evaluation(folder: Path, seconds: float) -> list[Row]:
    """Windows per second of the evaluation of a bag, hashing and decoding included, and of the network."""
    rows = []
    film = repeated(folder / COMMAND_FILM, folder / "long.mp4", 2)
    for name, videos in (("one camera", [film]), ("four cameras", [film] * 4)):
        bag, results = folder / f"bag of {name}", folder / f"evaluation of {name}"
        before = bare(seconds)
        actionnet = [str(Path(sys.executable).with_name("actionnet"))]
        subprocess.run([*actionnet, "record", *videos, "-o", bag], check=True, capture_output=True)
        subprocess.run([*actionnet, "evaluate", bag, "-o", results], check=True, capture_output=True)
        [took] = read_json(results / TIMING).values()
        rate, network = took["runs"] / took["wall"], (before + bare(seconds)) / 2
        measured = f"{rate / network:.2f} ({rate:.2f} / {network:.2f})"
        rows.append((f"evaluation of a bag of {name}, every window / bare network", measured, "0.95"))
        duration = open_recording(bag).duration
        text = f"{duration / took['wall']:.2f} ({duration:.1f} / {took['wall']:.1f} s)"
        rows.append((f"its duration / the time that its evaluation takes, {name}", text, ""))
    return rows


def repeated(film: Path, long: Path, times: int) -> str:
    """Write the film several times over into one file."""
    capture = cv2.VideoCapture(str(film))
    frames = []
    while (frame := capture.read()[1]) is not None:
        frames.append(frame)
    writer = cv2.VideoWriter(str(long), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (WIDTH, HEIGHT))
    for frame in frames * times:
        writer.write(frame)
    writer.release()
    return str(long)


def backends() -> list[Row]:
    """Time of a 16-frame I3D window in ONNX Runtime over that in OpenVINO, the same graph."""
    (network,) = prepared_networks(find_model(MODEL), 16)
    clip = np.zeros(network.shape, np.uint8)
    session = onnxruntime.InferenceSession(merged(network), providers=["CPUExecutionProvider"])
    there = median_time(lambda: session.run(None, {"frames": clip[None]}), 15)
    rows = []
    for precision in ("auto", "f32"):
        backend = load_backend(network, BackendSettings("openvino", precision))
        here = median_time(lambda backend=backend: backend.infer([clip]), 40)  # type: ignore[misc]
        took = f"{there / here:.1f} ({there * 1e3:.0f} ms / {here * 1e3:.0f} ms)"
        rows.append((f"ONNX Runtime / {backend.name}, 16-frame I3D window", took, ""))
    return rows


def embeddings(folder: Path) -> list[Row]:
    """Time of one step of an encoder-decoder over that of encoding the whole window."""
    settings = BackendSettings("openvino")
    with Recognizer.open(str(encoder_decoder(folder)), settings) as recognizer:
        stream = recognizer.stream()
        frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

        stamps = count(1)

        def step() -> None:
            stream.push(CameraImage.of_array(frame, next(stamps)))
            recognizer.recognize([stream])

        step_time = median_time(step, 100)
        encoder, decoder = (
            load_backend(one, settings) for one in prepared_networks(find_model(str(folder / "pair.yaml")))
        )
        window = [np.zeros((224, 224, 3), np.uint8)] * recognizer.network.length
        whole = median_time(lambda: decoder.infer([encoder.infer(window)]), 20)
        one = median_time(lambda: encoder.infer(window[:1]), 100)
    ratio = f"{whole / step_time:.1f} ({whole * 1e3:.0f} ms / {step_time * 1e3:.1f} ms)"
    return [
        ("encoder-decoder: whole window encoded / step", ratio, ""),
        ("encoder-decoder: step / encoding of one frame", f"{step_time / one:.2f}", ""),
    ]


def continual() -> list[Row]:
    """Time of one continual step over that of a whole window, and what a stream more costs in memory."""
    rows = []
    for precision in ("auto", "f32"):
        settings = BackendSettings("openvino", precision)
        times = []
        for in_steps in (True, False):
            (network,) = prepared_networks(find_model(MODEL), in_steps=in_steps)
            backend = load_backend(network, settings)
            states = [backend.new_state()] if in_steps else []
            clip = np.zeros(network.shape, np.uint8)
            infer = partial(backend.infer, [clip], states)
            times.append(median_time(infer, 40))
        took = f"1/{times[1] / times[0]:.1f} ({times[0] * 1e3:.0f} / {times[1] * 1e3:.0f} ms)"
        rows.append((f"I3D continual, {backend.name}: step of 8 frames / 64-frame window", took, "1/6"))
    return rows


def host_time() -> list[Row]:
    """Time of all that happens to one frame on the host, over that of one cv2.resize of it to the same size."""
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    slot = np.empty((224, 224, 3), np.uint8)
    resize = median_time(lambda: cv2.resize(frame, (224, 224), dst=slot))
    with Recognizer.open(MODEL, BackendSettings("openvino")) as recognizer:
        stream = recognizer.stream(StreamSettings(skip_frames=0))
    rows, stamps = [], count(1)
    for encoding in ("rgb8", "bgr8"):
        message = serialize_message(image_message(frame, encoding, header(0, "camera")))

        def push(message: bytes = message) -> None:
            stream.push(replace(camera_image(message), stamp=next(stamps)))  # one that comes twice is left out

        took = median_time(push)
        ratio = f"{took / resize:.2f} ({took * 1e6:.0f} us / {resize * 1e6:.0f} us)"
        rows.append((f"host time per {encoding} frame / one cv2.resize of it", ratio, "1.3"))
    return [*rows, *peers_ways(frame, took)]


def peers_ways(frame: NDArray[np.uint8], ours: float) -> list[Row]:
    """Time per bgr8 frame until a window of 64 stands ready for a network, as the peers do it, over ours.

    Each begins with the same resize into 224x224 RGB. As found: the window holds float32 (actionNet, OpenDR). Kindly:
    it holds uint8, as ours does.
    """
    rows = []
    for kind, dtype in (("uint8", np.uint8), ("float32", np.float32)):
        frames: deque[NDArray[Any]] = deque(maxlen=64)
        window = np.zeros((64, 224, 224, 3), dtype)

        def small(dtype: type = dtype) -> NDArray[Any]:
            rgb = cv2.cvtColor(cv2.resize(frame, (224, 224)), cv2.COLOR_BGR2RGB)
            return np.asarray(rgb, dtype)

        def stack(frames: deque[NDArray[Any]] = frames, small: Callable[[], NDArray[Any]] = small) -> None:
            frames.append(small())
            np.stack(frames)

        def shift(window: NDArray[Any] = window, small: Callable[[], NDArray[Any]] = small) -> None:
            window[:-1] = window[1:]
            window[-1] = small()

        for _ in range(64):
            stack()
        for name, way in (("stacked", stack), ("shifted", shift)):
            took = median_time(way, 200)
            text = f"{took / ours:.0f} ({took * 1e3:.2f} ms / {ours * 1e3:.2f} ms)"
            rows.append((f"the window {name} for every frame, {kind} / ours", text, "5"))
    return rows


def median_time(action: Callable[[], object], repetitions: int = 1000) -> float:
    """Return the median duration of the action in seconds."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)

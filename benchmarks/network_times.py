"""What backends and kinds of network cost."""

from __future__ import annotations

from functools import partial
from itertools import count

import numpy as np
import onnxruntime

from figures import once, ratio
from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.frames.pixels import CameraImage
from har_ros.graphs.prepare import merged
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.pipeline.recognizer import Recognizer
from inputs import HEIGHT, WIDTH, encoder_decoder
from part import Bench, Figures
from timing import median_time
from without_ros import MODEL

PRECISIONS = {precision: BackendSettings("openvino", precision) for precision in ("auto", "f32")}


def backends(bench: Bench) -> Figures:
    """Time of a 16-frame window of I3D in ONNX Runtime over that in OpenVINO, the same graph."""
    (network,) = prepared_networks(find_model(MODEL), 16)
    clip = np.zeros(network.shape, np.uint8)
    session = onnxruntime.InferenceSession(merged(network), providers=["CPUExecutionProvider"])
    loaded = {precision: load_backend(network, settings) for precision, settings in PRECISIONS.items()}
    while True:
        there = median_time(lambda: session.run(None, {"frames": clip[None]}), 3)
        yield [
            ratio(
                f"ONNX Runtime / OpenVINO ({precision}), 16-frame I3D window",
                there,
                median_time(partial(backend.infer, [clip]), 9),
                f"ms, {backend.name}",
                times=1e3,
            )
            for precision, backend in loaded.items()
        ]


def continual(bench: Bench) -> Figures:
    """Time of a window of I3D over that of one continual step."""
    timed = {}
    for precision, settings in PRECISIONS.items():
        runs = []
        for in_steps in (False, True):
            (network,) = prepared_networks(find_model(MODEL), in_steps=in_steps)
            backend = load_backend(network, settings)
            states = [backend.new_state()] if in_steps else []
            runs.append(partial(backend.infer, [np.zeros(network.shape, np.uint8)], states))
        timed[precision, backend.name] = runs
    while True:
        yield [
            ratio(
                f"I3D, OpenVINO ({precision}): 64-frame window / continual step of 8 frames",
                median_time(window, 3),
                median_time(step, 9),
                f"ms, {name}",
                times=1e3,
                aim="6",
            )
            for (precision, name), (window, step) in timed.items()
        ]


def encoder_and_decoder(bench: Bench) -> Figures:
    """Time of encoding a whole window over that of one step of an encoder-decoder."""
    settings = BackendSettings("openvino")
    card = str(encoder_decoder(bench.folder))
    encoder, decoder = (load_backend(one, settings) for one in prepared_networks(find_model(card)))
    with Recognizer.open(card, settings) as recognizer:
        stream, stamps = recognizer.stream(), count(1)
        frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        window = [np.zeros((224, 224, 3), np.uint8)] * recognizer.network.length

        def step() -> None:
            stream.push(CameraImage.of_array(frame, next(stamps)))
            recognizer.recognize([stream])

        while True:
            took = median_time(step, 20)
            whole = median_time(lambda: decoder.infer([encoder.infer(window)]), 3)
            one = median_time(lambda: encoder.infer(window[:1]), 20)
            yield [
                ratio("encoder-decoder: whole window encoded / step", whole, took, "ms", times=1e3),
                once("encoder-decoder: step / encoding of one frame", took / one),
            ]

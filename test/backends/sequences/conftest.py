"""A small continual network, a real Triton with it, and a real clip."""

from contextlib import ExitStack

import cv2
import numpy as np
import onnx
import pytest
from continual_cameras import LOCAL, exported
from small_networks import write_card
from streamable_networks import ARCHITECTURES
from waiting import WAIT

from har_ros.backends.backend import BackendSettings
from har_ros.backends.triton.wheel import running
from har_ros.pipeline.recognizer import Recognizer


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    onnx.save(ARCHITECTURES["r3d_18"](), folder / "small.onnx")
    spec = {"layout": "NCTHW", "height": 16, "width": 16, "range": [-1, 1]}
    window = {"frames": 32, "minimum_frames": 8, "multiple_of": 8, "sample_rate": 10}
    return write_card(folder, input=spec, window=window, continual=True)


@pytest.fixture(scope="module")
def repository_of(card, tmp_path_factory):
    return exported(card, tmp_path_factory.mktemp("models"), "--runner", "python", "--precision", "f32", "--jpeg")


@pytest.fixture(scope="module")
def server(repository_of):
    with running(repository_of) as server:
        yield server


@pytest.fixture
def connect(card):
    """Loads the network, from a server or in process; closed at the end."""
    with ExitStack() as opened:

        def load(server=None, **others):
            there = server and BackendSettings("triton", server=str(server.address), **{"deadline": WAIT, **others})
            return opened.enter_context(Recognizer.open(str(card), there or LOCAL))

        yield load


@pytest.fixture(scope="module")
def film(shared_data):
    """The first 79 frames of a real clip, twice, and the same as it is in a mirror."""
    capture, frames = cv2.VideoCapture(str(shared_data / "cricket.gif")), []
    while (frame := capture.read()[1]) is not None:
        frames.append(np.ascontiguousarray(frame[..., ::-1]))
    frames = 2 * frames[:80]
    return frames, [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]

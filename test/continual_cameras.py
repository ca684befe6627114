"""Cameras of a small continual network, whose states a server keeps, and what it is to say of them."""

import numpy as np

from har_ros.backends.backend import BackendSettings
from har_ros.backends.triton.address import Address
from har_ros.backends.triton.wheel import WheelServer
from har_ros.commands.main import main as actionnet
from har_ros.frames.pixels import CameraImage

SECOND = 1_000_000_000
LOCAL = BackendSettings("openvino", "f32")
STEP, LAG, COLUMNS = 8, 6, 4  # of r3d_18, with windows of 32 frames
FIRST = LAG + COLUMNS - 1
"""Steps without an answer, at first and after each beginning."""
NAME = "small-continual"


def exported(card, folder, *options):
    assert actionnet(["triton", "export", str(card), "-o", str(folder), *options]) == 0
    return folder


def address_of(port):
    """Return a server of the test's own for `connect`."""
    return WheelServer(None, Address("grpc", f"127.0.0.1:{port}"), None)


def push(stream, frames, step, at=0.0):
    for i in range(step * STEP, step * STEP + STEP):
        stream.push(CameraImage.of_array(frames[i % len(frames)], round((at + i / 10) * SECOND), "rgb8"))


def shown(recognizer, stream, frames, steps, at=0.0):
    """Show a camera these steps one by one. Returns the answers, None where there is none."""
    given = []
    for step in steps:
        push(stream, frames, step, at)
        given += recognizer.recognize([stream])
    return [probabilities(result) for result in given]


def probabilities(result):
    if result is None:
        return None
    found = {h.label: h.score for h in result.prediction.hypotheses}
    return [found[f"class {i}"] for i in range(5)]


def assert_same(given, expected):
    assert [one is None for one in given] == [one is None for one in expected]
    np.testing.assert_allclose(
        [one for one in given if one is not None], [one for one in expected if one is not None], atol=1e-4
    )


def backend_of(recognizer):
    return recognizer.network.backend

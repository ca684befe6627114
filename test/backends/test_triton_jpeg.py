"""Windows that travel to a server as JPEG."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from inference_server import SHAPE, InferenceServer
from jpeg_windows import decoded
from triton_wheel import NEEDS_SERVER
from waiting import WAIT

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton import jpeg
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.repository import ExportSettings, export
from har_ros.backends.triton.wheel import running
from har_ros.backends.triton.wire import Input
from har_ros.errors import ConfigurationError, ModelError

LOCAL = BackendSettings("openvino", "f32")


@pytest.fixture(scope="module")
def server(networks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    for network in networks:
        export(network, folder, ExportSettings("python", precision="f32", jpeg=True))
    with running(folder) as server:
        yield server


def smooth(shape, seed):
    """A window of large patches of colours, as images have them."""
    small = np.random.default_rng(seed).integers(0, 256, (*shape[:-3], 2, 2, 3), np.uint8)
    return np.ascontiguousarray(small.repeat(shape[-3] // 2, -3).repeat(shape[-2] // 2, -2))


@NEEDS_SERVER
def test_the_answers_are_those_to_what_is_left_of_windows(networks, server, protocol):
    for network in networks:
        images = network.type == "uint8"
        make = (
            smooth if images else lambda shape, seed: np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        )
        windows = [make(network.shape, seed) for seed in range(5)]
        left = [decoded(jpeg.encode(window), network.shape) for window in windows] if images else windows
        here = load_backend(network, LOCAL)
        address = {"gRPC": server.address, "HTTP": server.http}[protocol]
        there = load_backend(network, BackendSettings("triton", server=str(address), deadline=WAIT, transport="jpeg"))
        assert (f"through {protocol} as JPEG" in there.name) == images
        np.testing.assert_allclose(there.infer(windows), here.infer(left), atol=1e-5)
        here.close()
        there.close()


@NEEDS_SERVER
@pytest.mark.parametrize(
    ("data", "said"), [(np.zeros(9, np.uint8), "no JPEG"), (jpeg.encode(smooth((9, 16, 16, 3), 0)), "16×144 pixels")]
)
def test_a_server_says_what_is_wrong_with_a_window_and_goes_on(networks, server, data, said):
    client, name = Client(server.address, WAIT), networks[0].name + jpeg.SUFFIX
    with pytest.raises(ModelError, match=f"the window is .*{said}; export its network again"):
        client.row(name, Input(jpeg.INPUT, data), 1)
    good = jpeg.encode(smooth(networks[0].shape, 0))
    assert np.isfinite(client.row(name, Input(jpeg.INPUT, good), 2)).all()
    client.close()


def test_little_of_a_real_window_is_lost(shared_data):
    capture = cv2.VideoCapture(str(shared_data / "cricket.gif"))
    window = np.stack([cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(16)])
    data = jpeg.encode(window)
    assert data.nbytes < window.nbytes / 5
    assert np.abs(decoded(data, window.shape).astype(int) - window).mean() < 5
    red = np.zeros_like(window)
    red[..., 0] = 255
    np.testing.assert_allclose(decoded(jpeg.encode(red), red.shape).mean((0, 1, 2)), (255, 0, 0), atol=3)


def test_a_network_without_a_reader_of_jpeg_is_refused_in_a_sentence(connect, serving):
    with (
        serving(InferenceServer("small", SHAPE)) as port,
        pytest.raises(ModelError, match="'small-jpeg' is not found; export small with --jpeg, or use transport:=raw"),
    ):
        connect(port, transport="jpeg")


def test_a_window_that_no_jpeg_holds_is_refused(network):
    with pytest.raises(ConfigurationError, match="has 65600 rows of pixels, and JPEG 65500 at most; use fewer frames"):
        jpeg.is_wanted(replace(network, shape=(820, 80, 80, 3)), "jpeg")

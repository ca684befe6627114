"""A small network, and a way to it through a server."""

import os

import pytest
from small_networks import convolutional_network, linear_network, one_person, write_card
from waiting import WAIT

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton import shared_memory, wire
from har_ros.models.check import prepared_networks, prepared_pose
from har_ros.models.locate import find_model, find_pose_model


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Questions about a server wait for a busy machine."""
    monkeypatch.setattr(wire, "PATIENCE", WAIT)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """As inference_server.py serves it."""
    from inference_server import SHAPE

    folder = tmp_path_factory.mktemp("network")
    linear_network(folder / "small.onnx", SHAPE)
    return prepared_networks(find_model(str(write_card(folder))))[0]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """They take clips, skeletons, and images with people in them."""
    folder = tmp_path_factory.mktemp("networks")
    convolutional_network(folder / "small.onnx")
    fields = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16}
    cards = [write_card(folder, input=fields, window={"frames": 8}), "everyday-14"]
    found = [network for card in cards for network in prepared_networks(find_model(str(card)))]
    return [*found, prepared_pose(find_pose_model(str(one_person(folder))))]


@pytest.fixture
def own_regions(monkeypatch):
    """Regions of a name of their own: other tests run at the same time."""
    from inference_server import regions

    monkeypatch.setattr(shared_memory, "PREFIX", f"har_ros-{os.getpid()}-test-")
    yield
    assert regions() == set()


@pytest.fixture(params=["gRPC", "HTTP"])
def protocol(request):
    """Through which a server is reached."""
    return request.param


@pytest.fixture
def serving(protocol):
    """Lets a server of inference_server.py listen through the protocol."""
    from http_inference_server import serving_http
    from inference_server import serving

    return {"gRPC": serving, "HTTP": serving_http}[protocol]


@pytest.fixture
def connect(network, protocol, own_regions):
    """Loads the network from a server; closed at the end."""
    opened = []

    def load(port, **settings):
        given = BackendSettings(
            "triton", server=f"{protocol.lower()}://127.0.0.1:{port}", **{"deadline": WAIT, **settings}
        )
        opened.append(load_backend(network, given))
        return opened[-1]

    def close(backend):
        opened.remove(backend)
        backend.close()

    load.close = close
    yield load
    for backend in opened:
        backend.close()

"""Networks on the real Triton, from the wheel nvidia-pytriton, whose Python backend runs them."""

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt")
from killed_server import kill
from small_networks import convolutional_network, write_card
from triton_wheel import NEEDS_SERVER
from waiting import WAIT

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.repository import ExportSettings, export
from har_ros.backends.triton.wheel import running
from har_ros.errors import BackendMissingError, ModelError
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model

LOCAL = BackendSettings("openvino", "f32")


@pytest.fixture(scope="module")
def repository(networks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    for network in networks:
        export(network, folder, ExportSettings("python", precision="f32"))
    return folder


@pytest.fixture(scope="module")
def server(repository):
    try:
        with running(repository) as server:
            yield server
    except BackendMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def settings(protocol):
    def made(server, **others):
        address = {"gRPC": server.address, "HTTP": server.http}[protocol]
        return BackendSettings("triton", server=str(address), deadline=WAIT, **others)

    return made


def windows(network, count):
    random = np.random.default_rng(0)
    if network.type == "uint8":
        return list(random.integers(0, 256, (count, *network.shape), np.uint8))
    return list(random.normal(size=(count, *network.shape)).astype(np.float32))


def test_every_network_answers_as_in_process_and_in_order(networks, server, settings):
    for network in networks:
        here, there, clips = load_backend(network, LOCAL), load_backend(network, settings(server)), windows(network, 7)
        answers = there.infer(clips)
        np.testing.assert_allclose(answers, here.infer(clips), atol=1e-5)
        assert "through shared memory" in there.name
        assert np.ptp(answers, axis=0).max() > 1e-4  # or their order would not matter
        here.close()
        there.close()


def test_without_shared_memory_the_answers_are_the_same(networks, server, settings, protocol, monkeypatch):
    def elsewhere(client, region):
        raise ModelError("another machine")

    network, here = networks[0], load_backend(networks[0], LOCAL)
    monkeypatch.setattr(Client, "share", elsewhere)
    there = load_backend(network, settings(server))
    assert f"through {protocol}" in there.name
    np.testing.assert_allclose(there.infer(windows(network, 3)), here.infer(windows(network, 3)), atol=1e-5)
    there.close()


def test_what_is_not_there_or_is_another_network_is_refused(networks, server, settings, tmp_path):
    linear = {"layout": "NCTHW", "range": [0, 2], "height": 16, "width": 16}
    convolutional_network(tmp_path / "small.onnx")
    card = write_card(tmp_path, input=linear, window={"frames": 8}, labels=[f"class {i}" for i in (0, 1, 2, 4, 3)])
    (other,) = prepared_networks(find_model(str(card)))
    with pytest.raises(ModelError, match=r"its label 4 is 'class 3', where the card's is 'class 4'; .*preprocessing"):
        load_backend(other, settings(server))
    convolutional_network(tmp_path / "absent.onnx")
    (absent,) = prepared_networks(find_model(str(write_card(tmp_path, "absent", input=linear, window={"frames": 8}))))
    with pytest.raises(ModelError, match="unknown model: 'absent'"):
        load_backend(absent, settings(server))


@NEEDS_SERVER
def test_a_server_that_is_killed_and_started_again_goes_on(networks, settings, tmp_path):
    network = networks[0]
    export(network, tmp_path, ExportSettings("python", precision="f32"))
    here, clips = load_backend(network, LOCAL), windows(network, 3)
    with running(tmp_path) as server:
        ports = [int(address.place.rpartition(":")[2]) for address in (server.address, server.http)]
        there = load_backend(network, settings(server))
        kill(server)
    for _ in range(2):
        with pytest.raises(ModelError):
            there.infer(clips)
    with running(tmp_path, *ports) as again:
        assert there.wait(WAIT)
        np.testing.assert_allclose(there.infer(clips), here.infer(clips), atol=1e-5)
        assert "through shared memory" in there.name
        there.close()
        assert "error" not in again.log().lower()

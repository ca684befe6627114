"""The service over HTTP: a real application, real processes, and a small network that can be taught."""

from contextlib import contextmanager
from functools import partial

import pytest
from clips import write_dataset


@pytest.fixture(scope="module")
def given_datasets(tmp_path_factory):
    """A folder of the server with a dataset of red, blue and none."""
    folder = tmp_path_factory.mktemp("datasets")
    write_dataset(folder / "colours", groups=3, each=1)
    (folder / "colours" / "red" / "g0" / "damaged.avi").write_bytes(b"RIFF" + bytes(100))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("service")


@contextmanager
def running(models, folder, given_datasets, **more):
    from fastapi.testclient import TestClient

    from har_ros.service.application import application
    from har_ros.service.guard import Guard
    from har_ros.service.settings import ServiceSettings

    settings = ServiceSettings(models, workers=0, datasets=given_datasets, most_bytes=50_000_000, **more)
    app = application(folder, settings, Guard("127.0.0.1", ""))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.fixture
def serve(models, module_cache):
    """Returns a function that serves a folder, and lends a client of it."""
    return partial(running, models)


@pytest.fixture(scope="module")
def client(folder, models, given_datasets, module_cache):
    with running(models, folder, given_datasets) as client:
        yield client


@pytest.fixture
def dataset(client):
    """The address of an empty dataset with the class wave."""
    assert client.post("/v1/datasets", json={"name": "mine"}).status_code == 201
    assert client.post("/v1/datasets/mine/classes", json={"name": "wave"}).status_code == 201
    yield "/v1/datasets/mine"
    client.delete("/v1/datasets/mine")

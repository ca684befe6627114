"""Uploads as the client of the tus project sends them: tus-js-client under node."""

import json
import os
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chromium import serving
from rough_server import accepting
from waiting import WAIT

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx

from har_ros.service.application import application
from har_ros.service.folder import ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings

SCRIPT = Path(__file__).with_name("tus_client.cjs")
NODE = Path(__file__).parents[3] / "build" / "node"
SIZE = 3_000_000


@pytest.fixture(scope="module")
def node():
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed; run: apt-get install nodejs npm")
    if not (NODE / ".ready").is_file():
        pytest.skip("tus-js-client is not installed; run: make build/node/.ready")
    return node


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ServiceFolder(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def address(node, folder):
    with serving(application(folder.path, ServiceSettings(most_bytes=10_000_000), Guard("127.0.0.1", ""))) as address:
        yield address


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


def upload(node, address, path, chunk=1_000_000, **options):
    given = json.dumps({"name": "Größe, 1.mp4", "chunkSize": chunk, **options})
    command = [node, str(SCRIPT), f"{address}/v1/uploads", str(path), given]
    result = subprocess.run(
        command,
        env={**os.environ, "NODE_PATH": str(NODE / "node_modules")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stderr == ""
    return json.loads(result.stdout)


def received(folder, said):
    """Return the bytes of an upload, all of which are there, and its name."""
    number = said["url"].rpartition("/")[2]
    place = folder.uploads / number
    return (place / "input.mp4").read_bytes(), json.loads((place / "upload.json").read_text())["name"]


@pytest.mark.parametrize("chunk", [500_000, 10 * SIZE])
def test_a_video_arrives(node, address, folder, video, chunk):
    said = upload(node, address, video, chunk)
    assert said["error"] is None
    assert received(folder, said) == (video.read_bytes(), "Größe, 1.mp4")


def test_an_upload_that_was_left_is_gone_on_with_by_another_process(node, address, folder, video):
    first = upload(node, address, video, stopAfter=1_000_000)
    with httpx.Client(base_url=address, headers={"Tus-Resumable": "1.0.0"}, timeout=WAIT) as client:
        there = int(client.head(first["url"]).headers["upload-offset"])
    assert 1_000_000 <= there < SIZE
    second = upload(node, address, video)
    assert (second["url"], second["first"], second["error"]) == (first["url"], there, None)
    assert received(folder, second)[0] == video.read_bytes()


@contextmanager
def breaking(address, lengths):
    """Forward connections to a server; each one breaks after so many bytes, those after the last do not."""
    parts, left = urlsplit(address), list(lengths)

    def forward(source, sink, most):
        with source, sink:
            while most > 0 and (block := source.recv(min(65_536, most))):
                sink.sendall(block)
                most -= len(block)
            source.shutdown(socket.SHUT_RDWR)
            sink.shutdown(socket.SHUT_RDWR)

    def quietly(*given):
        with suppress(OSError):  # broken, as it should be
            forward(*given)

    def handle(source):
        sink = socket.create_connection((parts.hostname, parts.port))
        most = left.pop(0) if left else 1 << 60
        threading.Thread(target=quietly, args=(source, sink, most), daemon=True).start()
        threading.Thread(target=quietly, args=(sink, source, 1 << 60), daemon=True).start()

    with accepting(handle) as port:
        yield f"http://127.0.0.1:{port}", left


def test_connections_that_break_cost_what_was_on_its_way_only(node, address, folder, video):
    with breaking(address, [900_000, 700_000, 800_000]) as (place, left):
        said = upload(node, place, video, 10 * SIZE)
    assert (said["error"], left) == (None, [])
    assert received(folder, said)[0] == video.read_bytes()


def test_an_upload_that_is_given_up_leaves_nothing(node, address, folder, video):
    said = upload(node, address, video, 500_000, stopAfter=500_000, end=True)
    assert not (folder.uploads / said["url"].rpartition("/")[2]).exists()


def test_what_is_no_video_is_refused_before_it_is_sent(node, address, video):
    said = upload(node, address, video, name="notes.txt")
    assert "is no video" in said["error"]
    assert said["first"] is None

"""The command that serves: what its start needs, and how it ends."""

import signal
import socket
import sys
import tempfile
import urllib.request
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from programs import running
from served import options, serving
from waiting import WAIT

from har_ros.commands.serve import prepared, run
from har_ros.errors import HarError
from har_ros.service.settings import ServiceSettings

PROGRAM = "from har_ros.commands.main import main; raise SystemExit(main())"


def damaged(folder):
    folder.mkdir()
    (folder / "jobs.sqlite").write_bytes(b"no database " * 100)


def blocked(folder):
    """Where something else has the name of a folder that is needed."""
    with prepared(options(folder)):
        pass
    (folder / "uploads").rmdir()
    (folder / "uploads").touch()


@pytest.mark.parametrize(
    ("make", "more", "said"),
    [
        (damaged, [], "jobs.sqlite (file is not a database)"),
        (blocked, [], "give another --folder"),
        (lambda _: None, ["--models", "/nowhere"], "nowhere is no folder"),
        (lambda _: None, ["--datasets", "/nowhere"], "nowhere is no folder"),
        (lambda _: None, ["--host", "0.0.0.0"], "give a --token"),
    ],
)
def test_a_start_that_fails_says_why_in_a_sentence(tmp_path, make, more, said):
    make(tmp_path / "s")
    with pytest.raises(HarError) as caught:
        run(["--port", "0", "--folder", str(tmp_path / "s"), *more])
    assert (said in str(caught.value), "\n" in str(caught.value)) == (True, False)


def test_files_of_forms_go_to_the_folder_while_it_serves(tmp_path):
    before = tempfile.tempdir
    with prepared(options(tmp_path / "s")):
        assert tempfile.gettempdir() == str(tmp_path / "s")
    assert tempfile.tempdir == before


def test_answers_are_sent_without_waiting_for_more(tmp_path):
    """Nagle's algorithm would hold the second part of an answer back for 40 ms."""
    with prepared(options(tmp_path / "s")) as (_, place), socket.create_connection(place.getsockname()):
        connection, _ = place.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_defaults_are_those_of_the_settings(tmp_path, monkeypatch):
    seen = []

    def application(_, settings, *more):
        seen.append(settings)
        return SimpleNamespace(state=SimpleNamespace(opened=nullcontext()), openapi=lambda: None)

    monkeypatch.setattr("har_ros.commands.serve.application", application)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "nets").mkdir()
    with prepared(options(tmp_path / "s")), prepared(options("~/t", "--models", "~/nets")):
        assert (tmp_path / "t").is_dir()
    assert seen == [ServiceSettings(), ServiceSettings(models=tmp_path / "nets")]


def test_a_path_of_nobody_is_refused_in_a_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        options(tmp_path / "s", "--models", "~nobody at all/nets")
    assert "~nobody at all/nets begins with the name of no user" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path, number):
    command = [sys.executable, "-c", PROGRAM, "serve", "--port", "0", "--folder", str(tmp_path / "s"), "--no-preload"]
    with running(command, tmp_path) as process:
        address = process.stderr.readline().split()[1].removesuffix("/;")
        assert urllib.request.urlopen(f"{address}/v1/jobs").read() == b"[]"
        process.send_signal(number)
        assert process.wait(WAIT) == 0
        assert process.stderr.read().strip() == ""


@pytest.mark.parametrize(("more", "owner"), [([], "127.0.0.1"), (["--proxy", "127.0.0.1"], "192.0.2.7")])
def test_only_a_proxy_that_is_named_says_who_its_clients_are(tmp_path, more, owner):
    with serving(tmp_path / "s", *more) as (server, port):
        found = []
        server.config.app.state.service.uploads.create = lambda name, length, metadata, owner: found.append(owner)
        headers = {"Upload-Length": "1", "Upload-Metadata": "filename YS5tcDQ=", "Tus-Resumable": "1.0.0"}
        address = f"http://127.0.0.1:{port}/v1/uploads"
        httpx.post(address, headers={**headers, "X-Forwarded-For": "192.0.2.7"}, timeout=WAIT)
    assert found == [owner]

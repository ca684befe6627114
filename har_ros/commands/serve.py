"""Serve a page and an HTTP API: send a video, see what people do in it."""

from __future__ import annotations

import argparse
import gc
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from rich.console import Console

from har_ros.commands.shared.options import at_least, between, whole_number
from har_ros.commands.shared.parser import Parser
from har_ros.commands.shared.workers import CLUSTER, cluster_address
from har_ros.errors import ConfigurationError, HarError
from har_ros.files.console import say
from har_ros.files.results_folder import reserved
from har_ros.files.text import read_text
from har_ros.service.application import application
from har_ros.service.folder import ServiceFolder
from har_ros.service.guard import Guard
from har_ros.service.live.robot import Live
from har_ros.service.server import Server
from har_ros.service.settings import ServiceSettings
from har_ros.workers.joining import ray_workers

LEAST_TOKEN = 16
FOLDER = "har_ros-service"
MB, GB, GIB = 1_000_000, 1_000_000_000, 1 << 30


def run(arguments: list[str]) -> int:
    """`actionnet serve`. Returns the exit status. Raises HarError."""
    options = parser("actionnet serve").parse_args(arguments)
    with prepared(options) as (server, place), suppress(KeyboardInterrupt):  # uvicorn raises the signal that ended it
        server.run([place])
    return 0


@contextmanager
def prepared(options: argparse.Namespace, live: Live | None = None) -> Iterator[tuple[Server, socket.socket]]:
    """Yield the server and what it is to listen to. Raises HarError.

    options: of `parser`. live: the robot's cameras.
    """
    folder: Path = options.folder
    settings = ServiceSettings(
        models=options.models,
        datasets=options.datasets,
        workers=options.workers,
        ray=options.ray or "",
        streams=options.streams,
        links=options.allow_links,
        preload=options.preload,
        most_bytes=options.megabytes * MB,
        seconds=60 * options.minutes,
        memory=int(options.memory * GIB),
        disk=options.gigabytes * GB,
        days=options.days,
    )
    guard = Guard(options.host, _token(options.token))
    _check_cluster(options.ray)
    _check_folder(folder)
    with (
        reserved(folder),  # for one server at a time
        _listening(options.host, options.port) as place,
        _temporary_files_in(folder),
        _opened(folder, settings, guard, live) as app,
    ):
        server = Server(app, options.proxy)
        host, port = place.getsockname()[:2]
        gc.freeze()  # what is there now stays: to look through it again held answers up for 0.1 s
        say(Console(stderr=True), f"serving http://{f'[{host}]' if ':' in host else host}:{port}/; Ctrl-C ends it")
        yield server, place


def _check_cluster(address: str | None) -> None:
    """Raise HarError for a cluster that is not there."""
    if address:
        cluster = ray_workers(address)
        with cluster:
            cluster.connect()


@contextmanager
def _opened(folder: Path, settings: ServiceSettings, guard: Guard, live: Live | None) -> Iterator[FastAPI]:
    """Yield the application, whose workers run meanwhile. Raises HarError."""
    try:
        app = application(folder, settings, guard, live)
    except OSError as error:
        raise HarError(f"cannot use {folder} ({error.strerror}); give another --folder") from None
    with app.state.opened:
        app.openapi()  # with all routes: the first visitor would wait for them
        yield app


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let forms be received in a folder: /tmp may be in memory."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _check_folder(folder: Path) -> None:
    """Make the folder, for this user alone. Raises HarError when it cannot be made, or holds something else."""
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        others = any(folder.iterdir()) and not ServiceFolder(folder).jobs.is_file()
    except OSError as error:
        raise HarError(f"cannot use {folder} ({os.strerror(error.errno or 0)}); give another --folder") from None
    if others:
        raise ConfigurationError(f"{folder} holds other things than jobs; give an empty or a new --folder")


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises ConfigurationError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise ConfigurationError(f"cannot listen to {host}, port {port} ({reason}); see --port and --host") from None
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it for other sockets than this one
    return listening


def parser(program: str) -> argparse.ArgumentParser:
    """Return what reads the options of a program that serves."""
    usual = ServiceSettings()
    parser = Parser(prog=program, description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to listen to (127.0.0.1: this machine only)")
    add("--port", type=whole_number(0, 65535), default=8765, help="the port; 0: any that is free (%(default)s)")
    add("--folder", type=_path, default=FOLDER, help="the folder for videos and results (%(default)s)")
    add("--models", type=_path, help="a folder with taught networks, which clients may name")
    add("--datasets", type=_path, help="a folder with datasets, which clients may teach networks with")
    add("--token", type=_path, metavar="FILE", help="a file with the token that clients must send")
    add("--proxy", default="", metavar="ADDRESS", help="of a proxy in front, whose X-Forwarded-For names the clients")
    add("--workers", type=at_least(1), default=usual.workers, help="jobs at the same time (%(default)s)")
    add("--ray", type=cluster_address, metavar="ADDRESS", help=f"{CLUSTER}; it has to see --folder")
    add("--minutes", type=between(0.01, 1e5), default=usual.seconds / 60, help="of a video, at most (%(default)g)")
    add("--megabytes", type=at_least(1), default=usual.most_bytes // MB, help="of a video, at most (%(default)s)")
    add("--gigabytes", type=at_least(1), default=usual.disk // GB, help="of all that is kept, at most (%(default)s)")
    add("--allow-links", action="store_true", help="fetch videos from links that clients send")
    add("--memory", type=between(0.5, 1e4), default=usual.memory / GIB, help="GiB of a worker, at most (%(default)g)")
    add("--streams", type=at_least(0), default=usual.streams, help="webcams at the same time (%(default)s)")
    add("--days", type=between(0.001, 1e4), default=usual.days, help="that results are kept (%(default)g)")
    add(
        "--no-preload",
        dest="preload",
        action="store_false",
        help="load the default network when a job needs it, not at the start",
    )
    return parser


def _path(text: str) -> Path:
    """Read the path of a file or folder, which may begin with ~."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # there is no such user
        raise argparse.ArgumentTypeError(f"{text} begins with the name of no user") from None


def _token(path: Path | None) -> str:
    """Return the token in a file, empty for none; or that of the environment's ACTIONNET_TOKEN."""
    token = read_text(path).strip() if path else os.environ.get("ACTIONNET_TOKEN", "")
    if (path or token) and len(token) < LEAST_TOKEN:
        raise ConfigurationError(f"the token has {len(token)} characters; give {LEAST_TOKEN} at least")
    return token

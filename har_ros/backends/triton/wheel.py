"""The server that the wheel nvidia-pytriton brings, for trying a repository out, and for tests."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.client import Client
from har_ros.errors import BackendMissingError, ModelError

INSTALL = "pip install --no-deps nvidia-pytriton==0.7.0"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded before a fork
STARTING = 180.0
"""Seconds that the server may take to start."""


class WheelServer:
    """A server process. address: where it listens. http: the same through HTTP."""

    def __init__(
        self, process: subprocess.Popen[bytes], address: Address, log: Path, http: Address | None = None
    ) -> None:
        self.address = address
        self.http = http or address
        self.process = process
        self._log = log

    def wait_until_ready(self) -> None:
        """Wait until all networks are loaded. Raises ModelError when the server ends, or takes too long."""
        client, end = Client(self.address, STARTING), time.monotonic() + STARTING
        try:
            while True:
                with suppress(BackendMissingError):
                    client.check_ready()
                    return
                if self.process.poll() is not None or time.monotonic() > end:
                    raise ModelError(f"the server does not start; {self.ending()}")
                time.sleep(0.05)
        finally:
            client.close()

    def ending(self) -> str:
        """Return how the server ended, and the last error in its log."""
        status = self.process.poll()
        how = "no status" if status is None else f"signal {-status}" if status < 0 else f"status {status}"
        errors = [line for line in self.log().splitlines() if line.startswith("E")]  # glog's: E1126 16:20:51.7 …
        return f"{how}, {f'the last error in its log: {errors[-1][:500]}' if errors else 'no error in its log'}"

    def log(self) -> str:
        """Return what the server has written so far."""
        return self._log.read_text(errors="replace")


@contextmanager
def running(repository: Path, port: int = 0, http_port: int = 0) -> Iterator[WheelServer]:
    """Run the server with a model repository, on this machine only. port: of gRPC; 0: any that is free.

    Raises BackendMissingError where the wheel is not installed, ModelError when the server does not start.
    """
    package = _package()
    with TemporaryDirectory() as folder:
        backends = Path(folder, "backends")
        shutil.copytree(package / "tritonserver" / "backends", backends)
        shutil.copy(_stub(package), backends / "python")
        log = Path(folder, "log")
        address = Address("grpc", f"127.0.0.1:{port or free_port()}")
        http = Address("http", f"127.0.0.1:{http_port or free_port()}")
        with log.open("wb") as written, _process(package, repository, backends, address, http, written) as process:
            try:
                server = WheelServer(process, address, log, http)
                server.wait_until_ready()
                yield server
            finally:
                end(process)


def _package() -> Path:
    found = importlib.util.find_spec("pytriton")
    if found is None or not found.submodule_search_locations:
        raise BackendMissingError(f"Triton's server is not installed for {sys.executable}; run: {INSTALL}")
    return Path(found.submodule_search_locations[0])


def _stub(package: Path) -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = package / "tritonserver" / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise BackendMissingError(f"Triton's server from the wheel has no Python {version}; use another Python")
    return stub


def _process(
    package: Path, repository: Path, backends: Path, address: Address, http: Address, log: BinaryIO
) -> subprocess.Popen[bytes]:
    libraries = [str(package.parent / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR")]
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "TRITON_PYTHON_PATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = [str(package / "tritonserver" / "bin" / "tritonserver"), f"--model-repository={repository}"]
    options = {"backend-directory": str(backends)}
    for one in (address, http):
        host, _, port = one.place.rpartition(":")
        options |= {f"{one.protocol}-address": host, f"{one.protocol}-port": port}
    command += [f"--{name}={value}" for name, value in options.items()]
    command += [
        "--allow-metrics=false",
        f"--backend-config=python,stub-timeout-seconds={STARTING:.0f}",
    ]
    return subprocess.Popen(
        command, env=environment, stdout=log, stderr=subprocess.STDOUT, preexec_fn=_end_with_the_parent
    )


def _end_with_the_parent() -> None:
    """Let Linux end this process when the thread that started it has ended, however that was (prctl(2))."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    """Return a port of this machine on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        return int(place.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server, also one that does not heed the signal to do so."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()

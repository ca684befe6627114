"""A server of the Open Inference Protocol that may misbehave."""

import mmap
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceServicer, add_GRPCInferenceServiceServicer_to_server
from waiting import WAIT

from har_ros.backends.triton import shared_memory
from har_ros.backends.triton.client import Client
from har_ros.backends.triton.wire import Limit

SHAPE = (4, 8, 8, 3)
"""Of the windows in tests."""


def windows(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, *SHAPE), np.uint8))


def rows(clips):
    """What the network says of windows."""
    return np.array([clip.reshape(-1)[:5] for clip in clips]) / 256


def regions():
    """The regions of shared memory that this process, and what it started, has."""
    return set(Path("/dev/shm").glob(f"{shared_memory.PREFIX}*"))


def deadline_only_while(slow, monkeypatch):
    """Let the deadline of clients hold only while an event is set: on a busy machine any answer may be later."""

    def get(client):
        return vars(client)["_deadline"] if slow.is_set() else Limit(WAIT)

    def put(client, deadline):
        vars(client)["_deadline"] = deadline

    monkeypatch.setattr(Client, "_deadline", property(get, put), raising=False)


def late_while(slow, server):
    """Let a server answer while an event is set only when it is not any more."""

    def answer(response, number, context):
        while slow.is_set() and not server.stopped.wait(0.02):
            pass

    server.answer = answer


class InferenceServer(GRPCInferenceServiceServicer):
    """Has one network, whose k-th output is the k-th value of the window, as a part of 256.

    answer: changes the response to a request, which is numbered from 0, or returns another; may end the call.
    shares: whether it is on the same machine. idle: microseconds that it says it keeps a state, which it does not; 0:
    it says that it keeps none. binary: whether it takes bytes through HTTP. `stopped` is set at the end: an answer that
    waits for it never comes.
    """

    def __init__(
        self, name, shape, classes=5, type="UINT8", parameters=None, answer=None, shares=False, idle=0, binary=True
    ):
        self.name, self.shape, self.classes, self.type = name, shape, classes, type
        self.parameters, self.answer, self.shares, self.idle = parameters or {}, answer, shares, idle
        self.binary = binary
        self.ready, self.regions, self.requests, self.stopped = True, {}, [], Event()

    def ServerReady(self, request, context):  # noqa: N802
        return messages.ServerReadyResponse(ready=self.ready)

    def ModelMetadata(self, request, context):  # noqa: N802
        if request.name != self.name:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{request.name}' is not found")
        found = messages.ModelMetadataResponse(name=self.name, versions=["1"])
        found.inputs.add(name="frames", datatype=self.type, shape=[-1, *self.shape])
        found.outputs.add(name="output", datatype="FP32", shape=[-1, self.classes])
        return found

    def ModelConfig(self, request, context):  # noqa: N802
        if self.parameters is None:
            return super().ModelConfig(request, context)  # says that it does not have this
        found = messages.ModelConfigResponse()
        for key, value in self.parameters.items():
            found.config.parameters[key].string_value = value
        if self.idle:
            found.config.sequence_batching.max_sequence_idle_microseconds = self.idle
        return found

    def SystemSharedMemoryRegister(self, request, context):  # noqa: N802
        if not self.shares:
            context.abort(grpc.StatusCode.INTERNAL, f"Unable to open shared memory region: '{request.key}'")
        if request.name in self.regions:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"shared memory region '{request.name}' already in manager")
        with Path("/dev/shm", request.key.lstrip("/")).open("r+b") as file:
            self.regions[request.name] = mmap.mmap(file.fileno(), request.byte_size)
        return messages.SystemSharedMemoryRegisterResponse()

    def SystemSharedMemoryUnregister(self, request, context):  # noqa: N802
        self.regions.pop(request.name, None)
        return messages.SystemSharedMemoryUnregisterResponse()

    def SystemSharedMemoryStatus(self, request, context):  # noqa: N802
        found = messages.SystemSharedMemoryStatusResponse()
        for name in self.regions:
            found.regions[name].name = name
        return found

    def ModelInfer(self, request, context):  # noqa: N802
        number, _ = len(self.requests), self.requests.append(request)
        response = messages.ModelInferResponse(model_name=self.name, id=request.id)
        row = np.frombuffer(self._window(request), np.uint8)[: self.classes] / np.float32(256)
        response.outputs.add(name="output", datatype="FP32", shape=[1, self.classes])
        response.raw_output_contents.append(row.astype(np.float32).tobytes())
        return (self.answer(response, number, context) or response) if self.answer else response

    def _window(self, request):
        if request.raw_input_contents:
            return request.raw_input_contents[0]
        given = request.inputs[0].parameters
        offset = given["shared_memory_offset"].int64_param
        region = self.regions[given["shared_memory_region"].string_param]
        return region[offset : offset + given["shared_memory_byte_size"].int64_param]


@contextmanager
def serving(server, port=0, credentials=None):
    """Let it listen on this machine; yields the port."""
    listening = grpc.server(
        ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
    )
    add_GRPCInferenceServiceServicer_to_server(server, listening)
    address = f"127.0.0.1:{port}"
    port = listening.add_secure_port(address, credentials) if credentials else listening.add_insecure_port(address)
    listening.start()
    try:
        yield port
    finally:
        server.stopped.set()
        listening.stop(None).wait(WAIT)

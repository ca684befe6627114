"""Triton Inference Server, or another of the Open Inference Protocol: networks that run elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from queue import SimpleQueue
from threading import Event
from typing import Any, cast
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend, BackendSettings, State
from har_ros.backends.standby import Standby
from har_ros.backends.triton import jpeg
from har_ros.backends.triton.absent import Absent
from har_ros.backends.triton.address import Address, addresses
from har_ros.backends.triton.client import Client, check_libraries
from har_ros.backends.triton.contract import disagreements
from har_ros.backends.triton.late import LateCalls
from har_ros.backends.triton.sequence import SequenceState, Step, new_number
from har_ros.backends.triton.shared_memory import Place, Region
from har_ros.backends.triton.wire import Input, UnansweredError
from har_ros.errors import BackendMissingError, ModelError, error_text
from har_ros.graphs.prepare import FRAMES, PreparedNetwork

logger = logging.getLogger(__name__)

RETRY = 0.25
"""Seconds between two attempts to reach a server."""
ENDING = 1.0
"""Seconds for which `close` tells the server which states it may forget."""


class TritonBackend:
    """One network on the first server that answers. After an error, and at first: `connect`."""

    def __init__(self, network: PreparedNetwork, settings: BackendSettings) -> None:
        """Raises ConfigurationError."""
        self.name = "Triton"
        self.max_batch = settings.in_flight
        self._network = network
        self._settings = settings
        self._places = {place: LateCalls(settings.in_flight) for place in addresses(settings.server)}  # in their order
        self._jpeg = jpeg.is_wanted(network, settings.transport)
        self._name = network.name + (jpeg.SUFFIX if self._jpeg else "")
        self._numbers = count()
        self._pool = ThreadPoolExecutor(settings.in_flight, "triton")
        self._slots: SimpleQueue[int] = SimpleQueue()  # of the region, that are free
        for slot in range(settings.in_flight):
            self._slots.put(slot)
        self._idle = 0.0  # seconds that the server keeps a state without a step
        self._states: WeakSet[SequenceState] = WeakSet()
        self._over: SimpleQueue[int] = SimpleQueue()  # sequences that the server may forget
        self._ending = ThreadPoolExecutor(1, "triton-ends")  # so that no window waits for their end
        self._client: Client | None = None
        self._region: Region | None = None  # with a place for each window in flight; None: windows travel

    def connect(self) -> None:
        """Connect to the first server that answers.

        Raises BackendMissingError when none answers, ModelError when the network there is not the card's, or fails.
        """
        reasons = []
        for place in self._places:
            try:
                self._connect_to(place)
                return
            except BackendMissingError as error:
                reasons.append(str(error))
        raise BackendMissingError("; ".join(reasons))

    def reconnect(self, cancelled: Event) -> TritonBackend:
        """Connect as soon as a server is there that answers a window. Raises ModelError, and is closed, at the end."""
        said = ""
        while True:
            try:
                self.connect()
                return self
            except Exception as error:  # whatever a server answers, the next attempt may succeed
                if (text := error_text(error)) != said:
                    said = text
                    logger.warning("%s", text)
            if cancelled.wait(RETRY):
                self.close()
                raise ModelError("the server is no longer wanted")

    def _connect_to(self, place: Address) -> None:
        if self._client is not None:
            self._client.close()
        self._client = client = Client(place, self._settings.deadline, self._places[place])
        client.check_ready()
        described = client.describe(self._network.name)
        if wrong := list(disagreements(self._network, described)):
            raise ModelError(
                f"{self._network.name} on the server at {place} is not the card's: {'; '.join(wrong)}; "
                "export it again (actionnet triton export)"
            )
        if self._jpeg:
            self._check_jpeg(client)
        self.max_batch = 1 if described.ragged else self._settings.in_flight  # rows of one length are joined
        self._idle = described.idle or 0.0
        if not self._places[place]:  # or what this process left over may be in use; not every server heeds that
            client.forget_leftovers()
        if not self._jpeg and self._through_shared_memory(client):
            way = "shared memory"
        else:
            self._try()
            way = f"{client.way} as JPEG" if self._jpeg else client.way
        self.name = f"Triton at {place} through {way}, precision of the server"

    def _check_jpeg(self, client: Client) -> None:
        """Raise ModelError where nothing reads JPEG for the network."""
        try:
            given = ", ".join(one.name for one in client.describe(self._name).inputs)
        except UnansweredError:
            raise
        except ModelError as error:
            raise ModelError(f"{error}; export {self._network.name} with --jpeg, or use transport:=raw") from None
        if given != jpeg.INPUT:
            raise ModelError(
                f"{self._name} on the server at {client.address} takes {given}, not {jpeg.INPUT}; use transport:=raw"
            )

    def _through_shared_memory(self, client: Client) -> bool:
        """Return whether windows go through memory that the server has mapped: nobody else has it under this name.

        Raises UnansweredError.
        """
        try:
            if self._region is None:
                self._region = Region(self._settings.in_flight * self._black().nbytes)
            client.share(self._region)
            self._try()
        except OSError as error:
            logger.warning("windows do not go through shared memory, because there is no room for them: %s", error)
        except UnansweredError:
            raise
        except ModelError as error:
            logger.debug("windows do not go through shared memory, because: %s", error)
            self._unshare()
        return self._region is not None

    def _try(self) -> None:
        """Let the server answer a window. Raises ModelError."""
        step = Step(new_number(), start=True, end=True) if self._network.states else None
        self._row(self._connected(), self._black(), step)

    def _black(self) -> NDArray[Any]:
        return np.zeros(self._network.shape, self._network.type)

    def new_state(self) -> SequenceState:
        """Return another stream's state, for the present connection."""
        state = SequenceState(self._idle, self._over)
        self._states.add(state)
        return state

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Return one row of outputs for each input. Raises ModelError when the server fails for one of them."""
        client = self._connected()
        while not self._over.empty():
            self._ending.submit(self._end, client, self._over.get())
        steps: list[Step | None] = [cast(SequenceState, state).step() for state in states]
        each = map if len(inputs) == 1 else self._pool.map
        return np.concatenate(list(each(partial(self._row, client), inputs, steps or [None] * len(inputs))))

    def _connected(self) -> Client:
        assert self._client is not None
        return self._client

    def _row(self, client: Client, window: NDArray[Any], step: Step | None) -> NDArray[np.float32]:
        slot, region, place = self._slots.get(), self._region, None
        try:
            if region is not None:
                place = Place(region, slot * window.nbytes)
                there = region.bytes[place.offset : place.offset + window.nbytes]
                np.copyto(there.view(window.dtype).reshape(window.shape), window)
            return client.row(self._name, self._input(window, place), next(self._numbers), step)
        finally:
            self._slots.put(slot)  # also of a window that was given up: what becomes of it there is dropped

    def _input(self, window: NDArray[Any], place: Place | None) -> Input:
        """Return a window that travels, or lies where the server sees it."""
        if self._jpeg:
            return Input(jpeg.INPUT, jpeg.encode(window))
        return Input(FRAMES, window[None], place)

    def _end(self, client: Client, number: int) -> bool:
        """Let the server forget a sequence now. Returns False when it did not: it does so later by itself."""
        place = None if self._region is None else Place(self._region, 0)  # another window may lie there
        try:
            client.end(self._name, self._input(self._black(), place), number)
        except ModelError as error:
            logger.debug("a state stays on the server, because: %s", error)
            return False
        return True

    def _end_all(self) -> None:
        end = time.monotonic() + ENDING
        for state in list(self._states):
            state.reset()
        while self._client is not None and not self._over.empty() and time.monotonic() < end:
            if not self._end(self._client, self._over.get()):
                break

    def close(self) -> None:
        """End the connection, and remove the shared memory, or leave it over where a server may still read it."""
        self._end_all()
        self._unshare(late=any(self._places.values()))
        self._pool.shutdown(wait=False)
        self._ending.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def _unshare(self, late: bool = False) -> None:
        region, self._region = self._region, None
        if region is not None:
            region.close(in_use=late or (self._client is not None and not self._client.forget(region.name)))


def load(network: PreparedNetwork, settings: BackendSettings) -> Backend:
    """Connect to the first server that answers, and again whenever it is lost. Raises HarError."""
    check_libraries(addresses(settings.server))  # no server's return would help
    backend = TritonBackend(network, settings)
    there = True
    try:
        try:
            backend.connect()
        except BackendMissingError:
            if settings.fallback == "none":
                raise
            there = False
        meanwhile = _meanwhile(network, settings)
    except BaseException:  # Ctrl-C, too
        backend.close()
        raise
    return Standby(meanwhile, backend.reconnect, "a server", backend if there else None, keep=True)


def _meanwhile(network: PreparedNetwork, settings: BackendSettings) -> Backend:
    """Return what serves while no server answers."""
    if settings.fallback == "none":
        return Absent()
    from har_ros.backends.openvino import backend as openvino

    return openvino.load(network, replace(settings, device="CPU"))

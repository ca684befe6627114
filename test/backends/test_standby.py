"""One backend that serves while another is made, or until it comes back."""

import logging
import threading

import numpy as np
import pytest
from waiting import WAIT

from har_ros.backends.standby import Standby
from har_ros.errors import ModelError


class Fixed:
    """A backend that gives always the same."""

    def __init__(self, name, value):
        self.name, self.value, self.max_batch, self.closed = name, value, int(value), False

    def infer(self, inputs, states=()):
        return np.full((len(inputs), 1), self.value, np.float32)

    def close(self):
        self.closed = True


def test_one_backend_serves_until_the_other_is_made():
    ready, cpu, gpu = threading.Event(), Fixed("cpu", 1), Fixed("gpu", 2)
    standby = Standby(cpu, lambda _: ready.wait(WAIT) and gpu)
    assert standby.infer([0]).tolist() == [[1]]
    assert (standby.name, standby.max_batch) == ("cpu", 1)
    ready.set()
    assert standby.wait(WAIT)
    assert standby.infer([0, 0]).tolist() == [[2], [2]]
    assert (standby.name, standby.max_batch, cpu.closed) == ("gpu", 2, True)
    standby.close()
    assert gpu.closed


def test_a_backend_that_cannot_be_made_is_said_and_the_other_goes_on(caplog):
    def fail(_):
        raise ModelError("there is no memory")

    standby = Standby(Fixed("cpu", 1), fail)
    assert standby.wait(WAIT)
    assert standby.infer([0]).tolist() == [[1]]
    assert "cpu stays, because: there is no memory" in caplog.text


def test_the_end_cancels_what_is_being_made_and_that_is_no_failure(caplog):
    def make(cancelled):
        assert cancelled.wait(WAIT)
        raise ModelError("the build was cancelled")

    standby = Standby(Fixed("cpu", 1), make)
    assert not standby.wait(0)
    standby.close()
    assert standby.wait(WAIT)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_what_fails_and_may_come_back_is_replaced_until_it_does(caplog):
    there, cpu, server = threading.Event(), Fixed("cpu", 1), Fixed("server", 2)
    standby = Standby(cpu, lambda _: there.wait(WAIT) and server, "a server", server, keep=True)
    assert standby.wait(0)
    assert standby.infer([0]).tolist() == [[2]]
    for _ in range(2):
        there.clear()
        server.infer = broken
        assert standby.infer([0, 0]).tolist() == [[1], [1]]
        assert (standby.name, server.closed) == ("cpu", False)
        del server.infer
        there.set()
        assert standby.wait(WAIT)
        assert standby.infer([0]).tolist() == [[2]]
        assert (standby.name, cpu.closed) == ("server", False)
    assert "cpu serves until a server is ready, because: it is away" in caplog.text
    standby.close()
    assert (cpu.closed, server.closed) == (True, True)


class Counting(Fixed):
    """A backend that says how many steps a stream has had."""

    class State:
        kept, steps = True, 0

        def reset(self):
            self.steps = 0

    def new_state(self):
        return self.State()

    def infer(self, inputs, states=()):
        for state in states:
            state.steps += 1
        return np.array([[self.value, state.steps] for state in states])


def test_no_state_goes_from_one_backend_to_the_other():
    """Between two steps one takes over when a stream begins again, which all others then have to do first."""
    there, cpu, server = threading.Event(), Counting("cpu", 1), Counting("server", 2)
    standby = Standby(cpu, lambda _: there.wait(WAIT) and server, "a server", server, keep=True)
    states = [standby.new_state() for _ in range(2)]
    for state in states:
        assert not state.kept
        state.reset()
    for count in (1, 2):
        assert standby.infer([0, 0], states).tolist() == [[2, count]] * 2
    server.infer = broken
    with pytest.raises(ModelError, match="it is away"):
        standby.infer([0], states[:1])
    assert not any(state.kept for state in states)
    for state in states:
        state.reset()
    assert standby.infer([0, 0], states).tolist() == [[1, 1]] * 2
    del server.infer
    there.set()
    assert standby.wait(WAIT)
    assert standby.infer([0], states[:1]).tolist() == [[1, 2]]
    assert not any(state.kept for state in states)
    states[0].reset()
    with pytest.raises(ModelError, match="the state is of a backend that serves no longer"):
        standby.infer([0, 0], states)
    states[1].reset()
    assert standby.infer([0, 0], states).tolist() == [[2, 1]] * 2
    assert all(state.kept for state in states)
    standby.close()


def broken(inputs, states=()):
    raise ModelError("it is away")


def test_where_both_fail_the_first_error_counts():
    cpu, server = Fixed("cpu", 1), Fixed("server", 2)
    standby = Standby(cpu, lambda cancelled: cancelled.wait(WAIT) and server, "a server", server, keep=True)
    server.infer, cpu.infer = broken, lambda inputs: standby.close() or broken(inputs)
    with pytest.raises(ModelError, match="it is away"):
        standby.infer([0])
    assert standby.wait(WAIT)


def test_what_is_made_after_the_end_is_freed():
    ready, cpu, gpu = threading.Event(), Fixed("cpu", 1), Fixed("gpu", 2)
    standby = Standby(cpu, lambda _: ready.wait(WAIT) and gpu)
    standby.close()
    ready.set()
    assert standby.wait(WAIT)
    assert cpu.closed
    assert gpu.closed


class Unfreeable(Fixed):
    """A backend whose memory cannot be given back."""

    def close(self):
        raise ModelError("the device is lost")


def test_a_backend_that_cannot_be_freed_does_not_keep_the_other_from_its_work_or_its_end():
    ready, cpu, gpu = threading.Event(), Unfreeable("cpu", 1), Fixed("gpu", 2)
    standby = Standby(cpu, lambda _: ready.wait(WAIT) and gpu)
    ready.set()
    assert standby.wait(WAIT)
    with pytest.raises(ModelError, match="the device is lost"):
        standby.infer([0])
    assert standby.infer([0, 0]).tolist() == [[2], [2]]
    ready, cpu = threading.Event(), Fixed("cpu", 1)
    standby = Standby(cpu, lambda _: ready.wait(WAIT) and Unfreeable("gpu", 2))
    ready.set()
    assert standby.wait(WAIT)
    with pytest.raises(ModelError, match="the device is lost"):
        standby.close()
    assert cpu.closed

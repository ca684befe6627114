"""Runs networks in threads, under thread_exit.c, for test_openvino.py."""

import ctypes
import queue
import threading

import numpy as np
import pytest
from tensorrt_networks import small_clip, small_continual

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend

LEFT = ctypes.CDLL(None).left_to_the_end_of_this_thread


END = threading.Event()


def in_a_thread(work):
    """Return what is left to the end of a thread that has done the work, which does not come yet."""
    left = queue.SimpleQueue()

    def run():
        work()
        left.put(LEFT())
        END.wait()  # else the next thread may get its identity, and OpenVINO takes it for this one

    threading.Thread(target=run, daemon=True).start()
    return left.get(timeout=60)


@pytest.mark.parametrize(("network", "states"), [(small_clip, 0), (small_continual, 1)], ids=["clip", "continual"])
def test_a_thread_that_runs_a_network_has_nothing_of_it_to_free_at_its_end(tmp_path, own_cache, network, states):
    (prepared,), loaded = network(tmp_path), []
    assert in_a_thread(lambda: loaded.append(load_backend(prepared, BackendSettings("openvino")))) == 0
    (backend,) = loaded
    kept = [backend.new_state() for _ in range(states)]

    def infer():
        backend.infer([np.zeros(prepared.shape, np.uint8)], kept)
        for state in kept:
            state.reset()

    assert [in_a_thread(infer) for _ in range(3)] == [0, 0, 0]
    backend.close()

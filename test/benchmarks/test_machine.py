"""Whether others use the machine."""

import multiprocessing
import time
from itertools import count

from machine import busy_cores, machine


def turn():
    for _ in count():
        pass


def test_a_process_that_computes_counts_as_most_of_a_core():
    """However busy the machine is: the least that such a process gets is its share."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=turn, daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + 30
        while (found := busy_cores(0.5)) < 0.5 and time.monotonic() < deadline:
            pass
    finally:
        process.kill()
        process.join()
    assert found >= 0.5


def test_the_machine_is_described():
    found = machine()
    assert found["cores"] >= 1
    assert found["cpu"]
    assert {"numpy", "openvino"} <= found["versions"].keys()

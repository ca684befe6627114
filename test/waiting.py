"""Waiting for what another thread, process or machine does, with one limit for all tests."""

import time

WAIT = 120
"""Seconds for what takes a few on a machine that is not busy: after them, something is wrong."""


def wait_until(found, wanted=None, most=WAIT):
    """Wait until a function returns what is wanted: without that, anything true. Returns it. most: seconds."""
    end = time.monotonic() + most
    while True:
        last = found()
        if last if wanted is None else last == wanted:
            return last
        assert time.monotonic() < end, f"after {most} s it is {last!r}, not {'true' if wanted is None else wanted!r}"
        time.sleep(0.02)

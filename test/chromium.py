"""A real Chromium, an application that is served to it, and what it finds wrong with a page."""

import shutil
import threading
import time
from contextlib import contextmanager

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SERIOUS = ("serious", "critical")
WAIT = 60
"""Seconds for what takes less on a machine that is not busy."""


def chromium():
    """Return the program of an installed Chromium, None when there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def serving(app):
    """Serve an application on a free port of the loopback. Yields its address."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
    started = threading.Event()
    startup = server.startup

    async def start(sockets=None):
        await startup(sockets)
        started.set()

    server.startup = start
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(30)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


def until(tab, expression):
    """Wait until an expression is true in a page. (Playwright's wait_for_function needs eval, which is forbidden.)"""
    end = time.monotonic() + WAIT
    while not tab.evaluate(expression):
        assert time.monotonic() < end, f"never came true: {expression}"
        tab.wait_for_timeout(50)


def barriers(tab):
    """Return what axe-core finds serious or worse in a page."""
    from axe_playwright_python.sync_playwright import Axe

    wrong = tab.wrong.copy()
    found = Axe().run(tab).response["violations"]
    tab.wrong[:] = wrong  # without the policy's complaints about axe-core itself
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]

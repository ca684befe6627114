"""Takes the pictures of the service's pages for the documentation, in an installed Chromium.

python dev/draw_pages.py VIDEO DATASET docs/images

DATASET is a folder of clips as `actionnet teach` takes it, which is checked and taught on its page.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Literal
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

Scheme = Literal["light", "dark"]
VIEWS: dict[str, tuple[int, int, Scheme]] = {
    "serve-job.png": (1000, 1250, "light"),
    "serve-phone.png": (390, 844, "dark"),
}
"""Pictures of a result: width, height and colours."""
WAIT = 1_800_000
"""Milliseconds for a job, a check or a training."""
MOMENT = 3
"""Seconds into the video, which are shown."""
COLOURS = 128
"""Of a picture, which makes it small."""


def main(video: str, dataset: str, folder: str) -> None:
    """Take pictures of the first page, of the video's result, also on a phone, and of the dataset's page."""
    with tempfile.TemporaryDirectory() as place, serving(place) as address, sync_playwright() as playwright:
        name = Path(dataset).resolve().name
        shutil.copytree(dataset, Path(place, "datasets", name))
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        tab = _tab(browser, 1000, 700, "light")
        _choose(tab, address, video)
        tab.get_by_role("button", name="Recognise").click()
        _await_result(tab)
        for picture, view in VIEWS.items():
            shown = _tab(browser, *view)
            shown.goto(tab.url)
            _await_result(shown)
            _save(shown, Path(folder) / picture)
        _choose(tab, address, video)
        _save(tab, Path(folder) / "serve.png")
        tab.goto(f"{address}/teach/{quote(name)}")
        _teach(tab)
        _save(tab, Path(folder) / "teach-page.png", full_page=True)
        browser.close()


@contextmanager
def serving(folder: str) -> Iterator[str]:
    """Serve the page. Yields its address."""
    command = [str(Path(sys.executable).with_name("actionnet")), "serve", "--port", "0", "--folder", folder]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        try:
            yield server.stderr.readline().split()[1].removesuffix("/;")
        finally:
            server.terminate()


def _tab(browser: Browser, width: int, height: int, scheme: Scheme) -> Page:
    return browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)


def _choose(tab: Page, address: str, video: str) -> None:
    tab.goto(address)
    tab.get_by_label("Drop videos here").set_input_files(video)
    tab.get_by_label("persons", exact=True).check()


def _await_result(tab: Page) -> None:
    """Wait for a result, and go to a moment of its video."""
    tab.get_by_role("heading", name="Top classes over time").wait_for(timeout=WAIT)
    seek = "(video, moment) => new Promise(done => { video.onseeked = done; video.currentTime = moment; })"
    tab.locator("video").evaluate(seek, MOMENT)


def _teach(tab: Page) -> None:
    """Check a dataset and teach a network on its page, until both results stand there."""
    for button, done in (("Check", "The check is done."), ("Teach", "The training is done.")):
        tab.get_by_role("button", name=button, exact=True).click()
        tab.get_by_text(done).wait_for(timeout=WAIT)


def _save(tab: Page, path: Path, full_page: bool = False) -> None:
    tab.wait_for_timeout(500)  # until controls of the player have faded
    picture = Image.open(io.BytesIO(tab.screenshot(full_page=full_page)))
    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

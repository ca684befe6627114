"""Works for a cluster, whose workers import this module."""

import errno
import logging
import os
import signal
import time
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from waiting import wait_until

from har_ros.errors import ConfigurationError
from har_ros.evaluate.evaluation import Evaluation
from har_ros.service.jobs.recognition import News, VideoRecognition
from har_ros.workers.workers import Work


def kill_once(marker, text=""):
    """End this process, if no other one has been ended so. text: what the marker then has."""
    try:
        with marker.open("x") as file:
            file.write(text)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class Doubling(Work):
    """Doubles numbers, beside a file that was sent; `fault` does something bad with a piece."""

    def __init__(self, fault=None, text=b"sent"):
        self.fault = fault
        self.text = text

    def files(self):
        return {"a/b.txt": self.text}

    @contextmanager
    def opened(self, folder):
        assert (folder / "a" / "b.txt").read_bytes() == self.text

        def double(piece, report, stopped):
            if self.fault:
                self.fault(piece)
            report(piece)
            return 2 * piece

        yield double


def refuse_seven(piece):
    if piece == 7:
        raise ConfigurationError("seven is refused; give another")


def fill_the_disk(piece):
    raise OSError(errno.ENOSPC, "No space left on device")


def warn(piece):
    logging.getLogger("har_ros.elsewhere").warning("piece %d", piece)


def die(piece):
    if piece == 3:
        os.kill(os.getpid(), signal.SIGKILL)


class Keeping:
    """Keeps a folder for as long as the piece lasts, which is until it is interrupted; piece 0 ends with an error."""

    def __init__(self, place):
        self.place = place

    def __call__(self, piece):
        if piece == 0:
            while not list(self.place.iterdir()):
                time.sleep(0.1)
            refuse_seven(7)
        with TemporaryDirectory(dir=self.place):
            while True:
                time.sleep(0.1)


class LastFor:
    """Piece 19 is done when a file is there: reports may be lost where everything is over before they come."""

    def __init__(self, place):
        self.place = place

    def __call__(self, piece):
        if piece == 19:
            wait_until(self.place.exists)


class DieOnce:
    def __init__(self, marker):
        self.marker = marker

    def __call__(self, piece):
        kill_once(self.marker)


class Dying(Evaluation):
    """The first recording, or range, that is evaluated kills its worker half-way."""

    @contextmanager
    def opened(self, folder):
        with super().opened(folder) as do:

            def dying(job, report, stopped):
                def once(progress):
                    if progress.windows > 20:
                        kill_once(self.plan.folder / "died", type(job).__name__)

                return do(job, once, stopped)

            yield dying


class DyingRecognition(VideoRecognition):
    """The first job kills its worker half-way."""

    @contextmanager
    def opened(self, folder):
        with super().opened(folder) as do:

            def dying(video, report, stopped):
                def once(news):
                    report(news)
                    if news.windows:
                        kill_once(video.folder.path / "died")

                return do(video, once, stopped)

            yield dying


class BlindRecognition(VideoRecognition):
    """Jobs on a machine that does not see the service's folder."""

    @contextmanager
    def opened(self, folder):
        with super().opened(folder) as do:

            def look(video, report, stopped):
                video.path.rename(video.path.with_suffix(".elsewhere"))
                return do(video, report, stopped)

            yield look


class EndlessRecognition(VideoRecognition):
    """Jobs that go on until they are interrupted, with something in their folders that is removed then."""

    @contextmanager
    def opened(self, folder):
        def look(video, report, stopped):
            with TemporaryDirectory(dir=video.folder.of(video.job)):
                while True:
                    report(News(0, 1, 2, 1))
                    time.sleep(0.1)

        yield look

"""The worker of a stream, without a server: images that wait for the network, and what it makes of them."""

import io
import sys
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from clips import RATE
from webcam_images import IMAGES

from har_ros.frames.compressed import EncodedImage
from har_ros.pipeline.recognition import Networks
from har_ros.service.streams.worker import AHEAD, HEAD, Inbox, look


def test_images_that_waited_for_the_network_enter_its_window(models):
    images = [EncodedImage(np.frombuffer(image, np.uint8), round(i / RATE * 1e9)) for i, image in enumerate(IMAGES)]
    batches = iter([images[:3], [EncodedImage(np.zeros(9, np.uint8), images[3].stamp), *images[4:20]]])
    inbox = SimpleNamespace(start=lambda: None, take=lambda: next(batches), dropped=0)
    said = []
    with Networks.open(str(models / "tiny")) as networks, pytest.raises(StopIteration):
        look(networks, inbox, said.append)
    assert [answer["stamp"] for answer in said[1:]] == [2 / RATE, 19 / RATE]
    assert (said[1]["window"], said[1]["fill"]) == (None, 3)
    assert (said[2]["window"]["start"], said[2]["window"]["end"]) == (12 / RATE, 19 / RATE)


class Batch(io.BytesIO):
    """Images as a server hands them over; whoever reads them ends with them."""

    def read(self, size=-1):
        return super().read(size) or sys.exit()


def read_all(inbox):
    """Read what the file has, on this thread."""
    with suppress(SystemExit):
        inbox._read()


@pytest.mark.parametrize("seconds", [5, 9])
def test_an_action_goes_on_while_a_network_takes_seconds_for_each_window(models, seconds):
    rate = 25
    messages = [HEAD.pack(round(i / rate * 1e9), len(IMAGES[0])) + IMAGES[0] for i in range(4 * seconds * rate)]
    batches = iter([b"".join(messages[at : at + seconds * rate]) for at in range(0, len(messages), seconds * rate)])
    inbox = Inbox(file := Batch())
    take = inbox.take

    def take_slowly():
        file.write(next(batches))
        file.seek(0)
        read_all(inbox)
        file.seek(0)
        file.truncate()
        return take()

    inbox.start, inbox.take, said = lambda: None, take_slowly, []
    options = {"sample_rate": rate, "event_start": 0.1, "event_end": 0.05, "event_min_duration": 0.1}
    with Networks.open(str(models / "tiny"), **options) as networks, pytest.raises(StopIteration):
        look(networks, inbox, said.append)
    assert [answer["dropped"] for answer in said[1:]] == [0] * 4
    states = [event["state"] for answer in said[1:] for event in answer["events"]]
    assert states == ["started", *["going_on"] * 3]


def test_of_images_that_wait_the_oldest_are_dropped_and_counted():
    inbox = Inbox(Batch(b"".join(HEAD.pack(stamp, 2) + b"ab" for stamp in range(AHEAD + 6))))
    read_all(inbox)
    assert inbox.dropped == 6
    assert [(image.stamp, bytes(image.data)) for image in inbox.take()] == [(6 + i, b"ab") for i in range(AHEAD)]

"""Streams of a webcam's images: a real server, a real worker process and a small network."""

import asyncio
import json
import os
import signal
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from chromium import serving
from clips import RATE
from waiting import WAIT
from webcam_images import IMAGES

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
import httpx
from served import run

from har_ros.frames.compressed import EncodedImage
from har_ros.pipeline.recognition import Networks
from har_ros.pipeline.source_events import SourceEvents
from har_ros.service.application import SMALL, application
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings
from har_ros.service.streams import streams
from har_ros.service.streams.streams import Stream


@pytest.fixture(scope="module")
def app(models, tmp_path_factory):
    settings = ServiceSettings(models, workers=0, streams=2)
    return application(tmp_path_factory.mktemp("service"), settings, Guard("127.0.0.1", ""))


@pytest.fixture(scope="module")
def client(app):
    with serving(app) as address, httpx.Client(base_url=address, timeout=WAIT) as client:
        yield client


class Visitor:
    """A stream, and its events as they come."""

    def __init__(self, client, number, lines):
        self.client, self.path, self._lines = client, f"/v1/streams/{number}", lines

    def next(self):
        """Return the next event; None after the last one."""
        return next((json.loads(line[5:]) for line in self._lines if line.startswith("data:")), None)

    def until(self, key, value):
        while (event := self.next()) is not None:
            if event.get(key) == value:
                return event
        raise AssertionError(f"the events ended before {key} was {value}")

    def send(self, image, seconds, status=202):
        answer = self.client.post(f"{self.path}/frames", content=image, headers={"Capture-Time": str(seconds)})
        assert answer.status_code == status, answer.text
        return answer.json()


@contextmanager
def visiting(client, ready=True, **options):
    opened = client.post("/v1/streams", json={"options": {"model": "tiny", **options}})
    assert opened.status_code == 201, opened.text
    number = opened.json()["id"]
    assert opened.headers["location"] == f"/v1/streams/{number}"
    with client.stream("GET", f"/v1/streams/{number}/events") as events:
        visitor = Visitor(client, number, events.iter_lines())
        try:
            if ready:
                visitor.about = visitor.until("state", "ready")
            yield visitor
        finally:
            client.delete(f"/v1/streams/{number}")


def send_all(visitor, images=IMAGES, since=0):
    """Send images one after the other; the network has looked at each before the next one comes."""
    answers = []
    for index, image in enumerate(images):
        assert visitor.send(image, since + index / RATE) == {"taken": True}
        answers.append(visitor.next())
    return answers


def test_a_stream_ends_though_an_answer_comes_at_the_same_moment(client, app, monkeypatch):
    """When asyncio.wait_for of Python 3.11 and older gives the answer, and forgets that it was cancelled."""
    wait_for, lost = asyncio.wait_for, []

    async def losing(coming, seconds):
        try:
            return await wait_for(coming, seconds)
        except asyncio.CancelledError:
            lost.append(None)
            return b'{"stamp": 0}\n'

    monkeypatch.setattr(asyncio, "wait_for", losing)
    with visiting(client) as visitor:
        number = visitor.path.rpartition("/")[2]
        assert client.delete(visitor.path).status_code == 204
        assert (app.state.streams.get(number).state, app.state.streams.get(number).error) == ("ended", "")
    assert lost == [None]


def test_a_stream_says_what_the_networks_say(client, models):
    options = {"threshold": 0.1, "event_start": 0.15, "event_end": 0.1}
    with visiting(client, **options) as visitor:
        assert (visitor.about["rate"], visitor.about["side"]) == (RATE, 240)
        answers = send_all(visitor)
    with Networks.open(str(models / "tiny"), **options) as networks:
        recognition, events = networks.recognition(), SourceEvents(networks)
        stamps = [round(index / RATE * 1e9) for index in range(len(IMAGES))]
        for stamp, image, answer in zip(stamps, IMAGES, answers, strict=True):
            result = recognition.take(EncodedImage(np.frombuffer(image, np.uint8), stamp))
            happened = [(one.label, one.state.name.lower()) for one in events.take(result)]
            assert answer["stamp"] == stamp / 1e9
            assert [(one["label"], one["state"]) for one in answer["events"]] == happened
            assert (answer["window"] is None) == (result.whole is None)
            if result.whole:
                said, accepted = answer["window"], result.whole.prediction.accepted
                assert (said["start"], said["end"]) == (result.whole.start / 1e9, result.whole.end / 1e9)
                assert said["actions"] == [{"label": one.label, "score": round(one.score, 4)} for one in accepted]
    assert answers[7]["window"] is not None
    assert any(answer["events"] for answer in answers)


def test_bad_images_cost_nothing_but_themselves(client):
    with visiting(client) as visitor:
        for bad in (b"no image", IMAGES[0][:200], b""):
            visitor.send(bad, 100)
            assert visitor.next()["error"]
        answers = send_all(visitor, IMAGES[:8], since=200)
        assert [answer["window"] is None for answer in answers] == [*[True] * 7, False]


def test_a_worker_that_is_killed_ends_its_stream_with_a_sentence(client, app):
    with visiting(client) as visitor:
        stream = app.state.streams.get(visitor.path.rpartition("/")[2])
        os.kill(stream.process, signal.SIGKILL)
        assert "the worker ended unexpectedly" in visitor.until("state", "ended")["error"]
        assert visitor.next() is None
        assert "the worker ended unexpectedly" in visitor.send(IMAGES[0], 0, status=410)["detail"]
    assert client.get("/v1/models").status_code == 200


def test_a_stream_without_images_ends_and_so_does_its_worker(client, app, monkeypatch):
    monkeypatch.setattr(streams, "SILENCE", 0.2)
    with visiting(client) as visitor:
        stream = app.state.streams.get(visitor.path.rpartition("/")[2])
        assert "no image came" in visitor.until("state", "ended")["error"]
    with pytest.raises(ProcessLookupError):
        os.kill(stream.process, 0)


def test_a_stream_ends_when_nobody_has_followed_its_events_for_a_while(tmp_path, monkeypatch):
    program = tmp_path / "worker"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    monkeypatch.setattr(streams, "sys", SimpleNamespace(executable=str(program)))

    async def follow():
        loop, later = asyncio.get_running_loop(), [0.0]
        start = loop.time()
        loop.time = lambda: start + later[0]

        async def wait(share):
            later[0] += share * streams.UNHEARD
            for _ in range(5):
                await asyncio.sleep(0)

        stream = Stream({}, 1 << 30)
        await wait(0.5)
        events = stream.answers.listen({})
        await anext(events)
        await wait(1.5)
        await events.aclose()
        await wait(0.5)
        events = stream.answers.listen({})
        await anext(events)
        await wait(0.2)
        await events.aclose()
        await wait(0.5)  # more than UNHEARD since it was left for the first time
        errors = [stream.error]
        await wait(0.7)
        errors.append(stream.error)
        await stream.end()
        return errors

    assert run(follow()) == ["", "nobody followed its events; start again"]


def test_no_more_than_allowed_are_open_and_one_that_ended_makes_room(client):
    with visiting(client, ready=False) as first, visiting(client, ready=False):
        refused = client.post("/v1/streams", json={"options": {"model": "tiny"}})
        assert refused.status_code == 503
        assert "2 streams are open already" in refused.json()["detail"]
        assert "within 10 s, so try again then" in refused.json()["detail"]
        assert refused.headers["retry-after"] == "10"
        assert client.delete(first.path).status_code == 204
        assert first.until("state", "ended")["error"] == ""
        with visiting(client):
            pass


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"options": {"model": "/etc"}}, "there is no model '/etc' here"),
        ({"options": {"threshold": 7}}, "parameter threshold is 7.0; give a number"),
        ({"options": {"labels": "/etc/passwd"}}, "parameter 'labels' is unknown"),
        ({"options": 3}, "options"),
    ],
)
def test_wrong_options_are_refused_as_those_of_a_job(client, body, said):
    answer = client.post("/v1/streams", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_stream_that_cannot_be_had_is_refused(client):
    headers = {"Capture-Time": "0"}
    assert client.get("/v1/streams/none").status_code == 404
    assert client.get("/v1/streams/none/events").status_code == 404
    assert client.post("/v1/streams/none/frames", content=b"", headers=headers).status_code == 404
    assert client.delete("/v1/streams/none").status_code == 404


def test_wrong_images_are_refused_in_a_sentence(client):
    with visiting(client, ready=False) as visitor:
        path = f"{visitor.path}/frames"
        assert client.post(path, content=IMAGES[0]).status_code == 422
        for time_ in ("nan", "-1", "1e11", "now"):
            assert client.post(path, content=IMAGES[0], headers={"Capture-Time": time_}).status_code == 422
        large = client.post(path, content=bytes(SMALL + 1), headers={"Capture-Time": "0"})
        assert (large.status_code, "bytes are more than the" in large.text) == (413, True), large.text


def test_streams_need_what_other_changes_need(models, tmp_path):
    guarded = application(
        tmp_path, ServiceSettings(models, workers=0, most_bytes=10_000), Guard("127.0.0.1", "0123456789abcdef")
    )
    with serving(guarded) as address, httpx.Client(base_url=address, timeout=WAIT) as client:
        assert client.post("/v1/streams", json={}).status_code == 401
        assert client.get("/v1/streams/x/events").status_code == 401
        given = {"Authorization": "Bearer 0123456789abcdef", "Origin": "http://evil.example"}
        assert client.post("/v1/streams", json={}, headers=given).status_code == 403

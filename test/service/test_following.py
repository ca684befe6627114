"""What is followed is looked at once for all, and keeps nothing else waiting."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import five_threads_for_asyncio, run, running, send
from tus import TUS, create, patch
from waiting import WAIT, wait_until

from har_ros.service import following
from har_ros.service.following import Following
from har_ros.service.jobs.store import JobStore


def items(*ended):
    """A function that returns one after the other, and how many it returned."""
    looks = []

    def look():
        looks.append(SimpleNamespace(ended=ended[len(looks)]))
        return looks[-1]

    return look, looks


async def seen(followed, look, key="a"):
    return [one async for one in followed.follow(key, look)]


def test_all_who_follow_see_the_end_and_share_the_looks(monkeypatch):
    monkeypatch.setattr(following, "WATCH", 0)
    look, looks = items(None, None, 1.0)

    async def follow():
        with closing(Following()) as followed:
            return await asyncio.gather(*(seen(followed, look) for _ in range(50)))

    all_seen = run(follow())
    assert len(looks) == 3
    assert all(one[-1] is looks[-1] for one in all_seen)


def test_who_comes_when_the_last_one_leaves_or_after_the_end_begins_anew():
    look, looks = items(None, 1.0, 2.0)

    async def follow():
        with closing(Following()) as followed:
            async with aclosing(followed.follow("a", look)) as first:
                await anext(first)
            return [[one.ended for one in await seen(followed, look)] for _ in range(2)]

    assert run(follow()) == [[1.0], [2.0]]
    assert len(looks) == 3


def test_what_cannot_be_looked_at_or_is_gone_ends(caplog):
    async def follow():
        with closing(Following()) as followed:
            return await seen(followed, lambda: None), await seen(followed, items()[0])

    assert run(follow()) == ([], [])
    assert "following: IndexError" in caplog.text


def until_followed(client, count):
    wait_until(lambda: sum(client.app.state.following.owners.values()), count)


def test_a_client_follows_only_so_much_at_once(tmp_path, models, video, monkeypatch):
    monkeypatch.setattr(following, "MOST_OF_ONE", 2)
    with running(tmp_path, models, workers=0) as client, ThreadPoolExecutor(2) as pool:
        number = send(client, video).json()["id"]
        address = f"/v1/jobs/{number}/events"
        streams = [pool.submit(client.get, address) for _ in range(2)]
        until_followed(client, 2)
        refused = client.get(address)
        assert (refused.status_code, "streams of events are open for you" in refused.text) == (429, True)
        client.delete(f"/v1/jobs/{number}")
        assert ["queued" in stream.result().text for stream in streams] == [True, True]
        until_followed(client, 0)
        assert client.get(address).status_code == 404
        until_followed(client, 0)


def test_followers_keep_no_upload_waiting(tmp_path, models, video, monkeypatch):
    go_on, began, waited, get = threading.Event(), threading.Event(), [], JobStore.get

    def slow(store, number):
        if not threading.current_thread().name.startswith("AnyIO"):  # which has those of requests
            began.set()
            waited.append(go_on.wait(WAIT))
        return get(store, number)

    five_threads_for_asyncio(monkeypatch)
    monkeypatch.setattr(JobStore, "get", slow)
    with running(tmp_path, models, workers=0) as client, ThreadPoolExecutor(8) as pool:
        numbers = [send(client, video).json()["id"] for _ in range(8)]
        streams = [pool.submit(client.get, f"/v1/jobs/{number}/events") for number in numbers]
        assert began.wait(WAIT)
        until_followed(client, 8)
        client.headers.update(TUS)
        try:
            patch(client, create(client, 4), 0, b"part")
            assert not waited  # nor had the upload to wait for it
        finally:
            go_on.set()
            for number in numbers:
                client.delete(f"/v1/jobs/{number}")
        assert all(stream.result().status_code == 200 for stream in streams)

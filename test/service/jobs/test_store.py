"""The file of jobs."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from har_ros.errors import HarError
from har_ros.service.jobs.store import ATTEMPTS, JobStore


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "jobs.sqlite")


def queued(store, name="a.mp4", **options):
    job, _ = store.add(name, options)
    store.enqueue(job.id)
    return job.id


def test_jobs_are_claimed_once_in_the_order_of_their_arrival(store):
    ids = [queued(store, f"{n}.mp4") for n in range(40)]
    claimed, lock = [], threading.Lock()

    def claim(worker):
        while (job := store.claim(worker)) is not None:
            with lock:
                claimed.append(job.id)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(ids)
    assert claimed[0] == ids[0]


def test_owners_take_turns_and_each_one_has_the_oldest_job_first(store):
    for name, owner in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c"), ("b2", "b")):
        job, _ = store.add(name, {}, owner=owner)
        store.enqueue(job.id)
    assert [store.claim(1).name for _ in range(6)] == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_job_gives_way_also_to_those_of_an_owner_who_was_served_after_it_began(store):
    for name, owner in (("a1", "a"), ("b1", "b"), ("b2", "b")):
        job, _ = store.add(name, {}, owner=owner)
        store.enqueue(job.id)
    long = store.claim(1)
    assert (long.name, store.claim(2).name) == ("a1", "b1")
    assert store.give_way(long.id, 1)
    assert [store.claim(1).name for _ in range(2)] == ["b2", "a1"]


def test_a_job_gives_way_to_one_that_a_worker_has_but_no_machine(store):
    for owner in ("a", "b"):
        store.enqueue(store.add(f"{owner}.mp4", {}, owner=owner)[0].id)
    long, waiting = store.claim(1), store.claim(2)
    store.progress(waiting.id, 2, 1, 2)
    assert not store.give_way(long.id, 1)
    store.progress(waiting.id, 2, 0, 0)
    assert store.give_way(long.id, 1)
    assert store.get(long.id).state == "queued"


def test_jobs_are_counted_for_all_and_for_one(store):
    for owner in ("a", "a", "b"):
        store.add("a.mp4", {}, owner=owner)
    ended = store.add("b.mp4", {}, owner="b")[0].id
    store.enqueue(ended)
    store.claim(1)
    store.finish(ended, 1)
    assert (store.count("a"), store.count("b"), store.count("c")) == ((3, 2), (3, 1), (3, 0))


def test_a_video_that_is_still_received_is_not_claimed(store):
    store.add("a.mp4", {})
    assert store.claim(1) is None


def test_a_key_names_the_job_that_it_was_used_for(store):
    first, new = store.add("a.mp4", {"top_k": 2}, "k")
    again, newer = store.add("b.mp4", {}, "k")
    assert (new, newer) == (True, False)
    assert again == first


@pytest.mark.parametrize("named", [{"key": "k"}, {"number": "n"}])
def test_of_requests_at_the_same_time_one_makes_the_job(store, named):
    together = threading.Barrier(6)

    def add(_):
        together.wait(60)
        return store.add("a.mp4", {}, **named)

    with ThreadPoolExecutor(6) as pool:
        for found in ([*pool.map(add, range(6))] for _ in range(10)):
            assert sum(new for _, new in found) == 1
            assert len({job.id for job, _ in found}) == 1
            store.remove(found[0][0].id)


def test_a_job_that_ends_its_worker_each_time_fails(store):
    number = queued(store)
    for attempt in range(ATTEMPTS):
        assert store.claim(7).attempts == attempt + 1
        store.lost(7)
    job = store.get(number)
    assert job.state == "failed"
    assert f"ended {ATTEMPTS} times" in job.error


def test_attempts_count_while_the_job_gets_no_further(store):
    number = queued(store)
    for further in range(1, 2 * ATTEMPTS):
        assert store.claim(7).id == number
        store.progress(number, 7, further, 100)
        store.lost(7)
    assert store.get(number).state == "queued"
    for done in range(ATTEMPTS - 1):
        store.claim(7)
        store.progress(number, 7, done, 100)
        store.lost(7)
    assert store.get(number).state == "failed"


def test_a_worker_that_lost_its_job_changes_nothing(store):
    number = queued(store)
    store.claim(1)
    store.lost(1)
    assert not store.progress(number, 1, 10, 20)
    assert store.claim(2).id == number
    assert not store.finish(number, 1)
    assert store.progress(number, 2, 5, 20)
    assert store.finish(number, 2)
    assert not store.fail(number, 2, "late")
    assert (store.get(number).state, store.get(number).done) == ("done", 5)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_removed_job_is_wanted_no_more(store, claimed):
    number = queued(store)
    if claimed:
        store.claim(1)
    store.remove(number)
    assert not store.progress(number, 1, 1, 2)
    assert not store.finish(number, 1)
    assert store.claim(2) is None
    assert store.get(number) is None


def test_what_ran_when_the_server_ended_begins_again_and_half_an_upload_fails(tmp_path):
    store = JobStore(tmp_path / "jobs.sqlite")
    running, half = queued(store), store.add("half.mp4", {})[0].id
    store.claim(1)
    again = JobStore(tmp_path / "jobs.sqlite")
    again.recover()
    assert again.claim(2).id == running
    assert "send it again" in again.get(half).error


def test_the_time_left_counts_from_the_first_window_of_this_worker_on(store, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def left(done, windows, seconds):
        """Return the seconds that are left when so many have passed since the last note."""
        now[0] += seconds
        assert store.progress(number, 7, done, 564, windows)
        found = store.get(number).seconds_left(now[0])
        return None if found is None else round(found, 3)

    number = queued(store)
    assert store.get(number).seconds_left(now[0]) is None
    store.claim(7)
    assert left(0, 0, 20) is None  # the network is loaded
    assert left(40, 0, 1) is None  # a window fills, which takes no time
    assert left(64, 1, 1) is None
    assert left(164, 26, 50) == 200  # 400 frames more at 2 a second
    assert left(264, 51, 50) == 150
    store.lost(7)
    store.claim(7)
    assert left(264, 51, 30) is None  # it goes on at a checkpoint
    assert left(314, 64, 50) == 250
    assert left(564, 126, 250) == 0
    store.finish(number, 7)
    assert store.get(number).seconds_left(now[0]) is None


def test_pages_of_jobs_go_from_the_newest_to_the_oldest(store):
    ids = [queued(store, f"{n}.mp4") for n in range(5)]
    page = store.newest(2)
    assert [job.id for job in page] == ids[:-3:-1]
    assert [job.id for job in store.newest(10, page[-1].created)] == ids[2::-1]


def test_workers_that_note_nothing_are_known(store):
    queued(store)
    store.claim(9)
    assert store.silent(60) == []
    assert store.silent(-1) == [9]


def test_no_worker_looks_dead_when_the_clock_is_set(store, monkeypatch):
    queued(store)
    store.claim(9)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    assert store.silent(60) == []


def test_a_worker_that_hangs_at_an_erased_job_is_known_until_it_lets_go(store):
    number = queued(store)
    store.claim(9)
    store.remove(number)
    assert store.silent(-1) == [9]
    store.free(9)
    assert store.silent(-1) == []


def test_restarts_of_the_server_do_not_count_as_attempts(tmp_path):
    for _ in range(ATTEMPTS + 1):
        store = JobStore(tmp_path / "jobs.sqlite")
        store.recover()
        if not store.newest(1):
            queued(store)
        assert store.claim(3).attempts == 1
        store.give_back(3)
        assert store.claim(4).attempts == 1


def test_a_file_that_is_no_database_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "jobs.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(HarError, match="check the disk, or give another --folder"):
        JobStore(tmp_path / "jobs.sqlite")


@pytest.mark.parametrize("change", ["drop column paced", "drop column owner", "add column later text"])
def test_a_file_of_another_version_is_refused_and_left_as_it_is(tmp_path, change):
    path = tmp_path / "jobs.sqlite"
    queued(JobStore(path))
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"alter table jobs {change}")
        before = list(db.iterdump())
        with pytest.raises(HarError, match="of another version of har_ros; give another --folder"):
            JobStore(path)
        assert list(db.iterdump()) == before

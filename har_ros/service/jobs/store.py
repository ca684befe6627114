"""The jobs of the service, in a file of SQLite: they outlive connections, workers and the server."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from har_ros.errors import HarError
from har_ros.service.jobs.job import Job

ATTEMPTS = 5
"""How often a job is begun without getting further than before: one that ends its worker each time is given up."""
REMEMBERED = 86_400.0
"""Seconds for which it is known when an owner was served."""
BUSY = 30.0
"""Seconds that a transaction waits for another one's end."""
SCHEMA = """
create table if not exists jobs (
    id text primary key, key text unique, name text not null, options text not null, state text not null,
    created real not null, started real, ended real, done integer not null default 0, total integer not null default 0,
    windows integer not null default 0, paced real, skipped integer not null default 0,
    furthest integer not null default 0, error text not null default '', attempts integer not null default 0,
    worker integer, link text not null default '', fingerprint text not null default '',
    owner text not null default '', temporary integer not null default 0
);
create index if not exists jobs_by_state on jobs (state, created);
create index if not exists jobs_by_time on jobs (created);
create table if not exists owners (owner text primary key, served real not null);
create table if not exists workers (worker integer primary key, alive real not null);
"""
"""Of workers, alive is of the machine's monotonic clock: a clock that is set makes none of them look dead."""


_COLUMNS = ", ".join(field.name for field in fields(Job))
_SAME = f"select {_COLUMNS} from jobs where key = ? or id = ? order by key is not ?"


class JobStore:
    """The jobs in one file. Processes and threads may use it at the same time. Close it.

    A connection stays open: with the last one SQLite removes its other files, and a full disk may have no room to make
    them again.
    """

    def __init__(self, path: Path) -> None:
        """Raises HarError when the file cannot be used."""
        self._path = path
        try:
            with self._transaction() as db:
                _check_version(db, path)
                db.execute("pragma journal_mode = wal")
                db.executescript(SCHEMA)
            self._kept = sqlite3.connect(path, check_same_thread=False)
            self._kept.execute("select count(*) from jobs").fetchall()  # which opens its files
        except sqlite3.Error as error:
            raise HarError(f"cannot use {path} ({error}); check the disk, or give another --folder") from None

    def close(self) -> None:
        """Close the file."""
        self._kept.close()

    def add(
        self,
        name: str,
        options: Mapping[str, Any],
        key: str | None = None,
        number: str | None = None,
        link: str = "",
        fingerprint: str = "",
        owner: str = "",
        temporary: bool = False,
    ) -> tuple[Job, bool]:
        """Add a job that waits for `enqueue`. number: its id, None for any. link, fingerprint: as Job has them.

        owner: who shares the workers fairly with others. temporary: whether it is of no use after the server's end.
        Returns it, and whether it is new: a key that was used, and an id that is there, name their job.
        """
        with self._transaction() as db:
            db.execute("begin immediate")  # or another might add the same in between
            if there := db.execute(_SAME, (key, number, key)).fetchone():
                return _job(there), False
            row = (number or uuid.uuid4().hex, key, name, json.dumps(dict(options)), link, fingerprint)
            columns = "id, key, name, options, link, fingerprint, owner, temporary, created, state"
            more = (owner, temporary, time.time())
            db.execute(f"insert into jobs ({columns}) values (?,?,?,?,?,?,?,?,?,'receiving')", (*row, *more))
            return _job(db.execute(f"select {_COLUMNS} from jobs where id = ?", row[:1]).fetchone()), True

    def same(self, key: str | None, number: str | None) -> Job | None:
        """Return the job that is there for a key and an id, which `add` would return; None when there is none."""
        with self._transaction() as db:
            there = db.execute(_SAME, (key, number, key)).fetchone()
        return _job(there) if there else None

    def enqueue(self, number: str) -> None:
        """Let a worker take the job: its video is there."""
        with self._transaction() as db:
            db.execute("update jobs set state = 'queued' where id = ? and state = 'receiving'", (number,))

    def receiving(self) -> list[Job]:
        """Return the jobs whose video is not there yet."""
        with self._transaction() as db:
            return [_job(row) for row in db.execute(f"select {_COLUMNS} from jobs where state = 'receiving'")]

    def get(self, number: str) -> Job | None:
        """Return a job, None when there is none of this id."""
        with self._transaction() as db:
            row = db.execute(f"select {_COLUMNS} from jobs where id = ?", (number,)).fetchone()
        return _job(row) if row else None

    def newest(self, count: int, before: float = float("inf"), name: str | None = None) -> list[Job]:
        """Return so many jobs that were created before a time, newest first. name: of their videos, None for any."""
        only = "created < ? and (? is null or name = ?)"
        query = f"select {_COLUMNS} from jobs where {only} order by created desc limit ?"
        with self._transaction() as db:
            return [_job(row) for row in db.execute(query, (before, name, name, count))]

    def count(self, owner: str) -> tuple[int, int]:
        """Return the number of jobs that are not over, and of those of an owner."""
        with self._transaction() as db:
            query = "select count(*), count(*) filter (where owner = ?) from jobs where ended is null"
            every, own = db.execute(query, (owner,)).fetchone()
        return int(every), int(own)

    def claim(self, worker: int) -> Job | None:
        """Give a worker the job that is next, None when none waits. worker: its process.

        It is the oldest of the owner who has waited longest for a worker: who sends many keeps nobody else waiting.
        """
        now = time.time()
        with self._transaction() as db:
            row = db.execute(
                f"update jobs set state = 'running', worker = ?, started = ?, attempts = attempts + 1, "
                f"done = 0, windows = 0, paced = null, skipped = 0 "
                f"where id = (select id from jobs left join owners using (owner) where state = 'queued' "
                f"order by coalesce(served, 0), created limit 1) returning {_COLUMNS}",
                (worker, now),
            ).fetchone()
            if row:
                db.execute("insert or replace into workers values (?, ?)", (worker, time.monotonic()))
                _serve(db, row[0], now)
                db.execute("delete from owners where served < ?", (now - REMEMBERED,))
        return _job(row) if row else None

    def free(self, worker: int) -> None:
        """Note that a worker is at no job, whatever became of it."""
        with self._transaction() as db:
            db.execute("delete from workers where worker = ?", (worker,))

    def progress(self, number: str, worker: int, done: int, total: int, windows: int = 0) -> bool:
        """Note how far a worker is. Returns whether the job is still wanted, and this worker's."""
        with self._transaction() as db:
            db.execute("update workers set alive = ? where worker = ?", (time.monotonic(), worker))
            change = (
                "done = ?, total = ?, windows = ?, "
                "skipped = case when paced is null then ? else skipped end, paced = coalesce(paced, ?)"
            )
            paced = time.time() if windows else None
            return _change_own(db, change, number, worker, done, total, windows, done, paced)

    def finish(self, number: str, worker: int) -> bool:
        """Note that a worker's job is done. Returns whether it was still wanted."""
        return self._own("state = 'done', ended = ?", number, worker, time.time())

    def fail(self, number: str, worker: int, error: str) -> bool:
        """Note why a worker's job cannot be done. Returns whether it was still wanted."""
        return self._own("state = 'failed', ended = ?, error = ?", number, worker, time.time(), error)

    def remove(self, number: str) -> None:
        """Forget a job."""
        with self._transaction() as db:
            db.execute("delete from jobs where id = ?", (number,))

    def lost(self, worker: int) -> None:
        """Let others have the jobs of a worker that ended; those that were begun too often for nothing fail."""
        with self._transaction() as db:
            _lose(db, worker)

    def give_back(self, worker: int) -> None:
        """Let the jobs of a worker begin again that ended for no fault of theirs."""
        with self._transaction() as db:
            _give_back(db, worker)

    def give_way(self, number: str, worker: int) -> bool:
        """Let a worker's job wait again when one of another owner waits. Returns whether one does.

        One that a worker has waits as well, as long as no cluster has begun it.
        """
        with self._transaction() as db:
            waits = "(state = 'queued' or (state = 'running' and done = 0 and total = 0))"
            others = f"select 1 from jobs where {waits} and owner != (select owner from jobs where id = ?)"
            if db.execute(others, (number,)).fetchone() is None:
                return False
            _serve(db, number, time.time())  # until now: others may have been served since this job was taken
            _give_back(db, worker)
            return True

    def silent(self, seconds: float) -> list[int]:
        """Return the workers that have noted nothing of their job for so long, also of one that was erased.

        They may have ended, and others may have their process numbers.
        """
        with self._transaction() as db:
            query = "select worker from workers where alive < ?"
            return [int(row[0]) for row in db.execute(query, (time.monotonic() - seconds,))]

    def recover(self) -> None:
        """Let all jobs begin again that were running when the server ended, and drop what was being received."""
        with self._transaction() as db:
            running = db.execute("select distinct worker from jobs where state = 'running'").fetchall()
            for (worker,) in running:
                _give_back(db, worker)
            db.execute("delete from workers")
            db.execute(
                "update jobs set state = 'failed', ended = ?, error = 'the upload was interrupted; send it again' "
                "where state = 'receiving'",
                (time.time(),),
            )

    def temporary(self) -> list[str]:
        """Return the jobs that somebody waited for while the server ended."""
        with self._transaction() as db:
            return [str(row[0]) for row in db.execute("select id from jobs where temporary")]

    def ended_before(self, moment: float) -> list[str]:
        """Return the jobs that were over before a time."""
        with self._transaction() as db:
            return [str(row[0]) for row in db.execute("select id from jobs where ended < ?", (moment,))]

    def _own(self, change: str, number: str, worker: int, *values: Any) -> bool:
        with self._transaction() as db:
            return _change_own(db, change, number, worker, *values)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY)) as db, db:
            yield db


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raise HarError when a file has jobs with other columns than this version's."""
    columns = "select name from pragma_table_info('jobs') order by name"
    with closing(sqlite3.connect(":memory:")) as new:
        new.executescript(SCHEMA)
        wanted = new.execute(columns).fetchall()
    if db.execute(columns).fetchall() not in ([], wanted):
        raise HarError(f"{path} is of another version of har_ros; give another --folder, or serve with that version")


def _change_own(db: sqlite3.Connection, change: str, number: str, worker: int, *values: Any) -> bool:
    """Change a job that is a worker's. Returns whether it still is."""
    own = "where id = ? and worker = ? and state = 'running'"
    return db.execute(f"update jobs set {change} {own}", (*values, number, worker)).rowcount > 0


def _serve(db: sqlite3.Connection, number: str, now: float) -> None:
    """Note that a job's owner is served."""
    db.execute("insert or replace into owners select owner, ? from jobs where id = ?", (now, number))


def _give_back(db: sqlite3.Connection, worker: int) -> None:
    db.execute("update jobs set attempts = attempts - 1 where worker = ? and state = 'running'", (worker,))
    _lose(db, worker)


def _lose(db: sqlite3.Connection, worker: int) -> None:
    own = "where worker = ? and state = 'running'"
    error = f"the worker ended {ATTEMPTS} times at this video; it may need more memory than there is, or be damaged"
    db.execute(f"update jobs set attempts = 1, furthest = done {own} and done > furthest", (worker,))
    failed = f"update jobs set state = 'failed', ended = ?, error = ? {own} and attempts >= ?"
    db.execute(failed, (time.time(), error, worker, ATTEMPTS))
    db.execute(f"update jobs set state = 'queued', worker = null {own}", (worker,))
    db.execute("delete from workers where worker = ?", (worker,))


def _job(row: tuple[Any, ...]) -> Job:
    number, name, options, *rest = row
    return Job(number, name, json.loads(options), *rest)

"""Streams of a visitor's images: a worker process for each, few at a time, ended when nothing comes."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from fastapi import HTTPException

from har_ros.errors import one_line
from har_ros.service.channel import Channel
from har_ros.service.options import Models
from har_ros.service.streams.message import HEAD

LOADING = 120.0
"""Seconds that the networks may take to load."""
SILENCE = 30.0
"""Seconds without an answer, for want of images or because the worker hangs, after which a stream ends."""
UNHEARD = 10.0
"""Seconds after which a stream ends whose events nobody follows; a browser that lost its connection is back sooner."""
WAITING = 100
"""Answers that wait for a slow listener."""
LONGEST_LINE = 1 << 20
REMEMBERED = 16
"""Streams of which it is known how they ended."""

State = Literal["loading", "ready", "ended"]


class Stream:
    """One visitor's images, and what is said of them. about: what the worker says of its networks once it has them."""

    def __init__(self, values: Mapping[str, Any], memory: int) -> None:
        """values: of the node's parameters. memory: bytes that the worker may have."""
        self.id = secrets.token_urlsafe(16)  # whoever does not know it sees nothing
        self.state: State = "loading"
        self.error = ""
        self.about: dict[str, Any] = {}
        self.answers: Channel[dict[str, Any]] = Channel(WAITING, self._on_listeners)
        self._values, self._memory = values, memory
        self._process: asyncio.subprocess.Process | None = None
        self._ending = False
        self._task = asyncio.create_task(self._run())
        self._patience: asyncio.TimerHandle | None = None
        self._on_listeners()

    @property
    def process(self) -> int | None:
        """The worker's process number; None before it has started."""
        return self._process.pid if self._process else None

    def view(self) -> dict[str, Any]:
        """Return how the stream stands."""
        return {**self.about, "id": self.id, "state": self.state, "error": self.error}

    def offer(self, stamp: int, image: bytes) -> bool:
        """Hand an image to the worker. Returns False when it is left out: the worker is not ready for it.

        stamp: in nanoseconds. image: JPEG or PNG, not looked at here.
        """
        to = self._process.stdin if self._process else None
        if self.state != "ready" or to is None or to.transport.get_write_buffer_size():
            return False
        to.write(HEAD.pack(stamp, len(image)) + image)
        return True

    async def end(self, reason: str = "") -> None:
        """End the worker. reason: a sentence when somebody should know."""
        if self.state != "ended":
            self._cancel(reason)
        with suppress(asyncio.CancelledError):
            await self._task

    def _on_listeners(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if not self.answers.listeners and self.state != "ended":
            self._patience = asyncio.get_running_loop().call_later(UNHEARD, self._end_unheard)

    def _end_unheard(self) -> None:
        self._cancel("nobody followed its events; start again")

    def _cancel(self, reason: str) -> None:
        self.error = self.error or reason
        # until Python 3.11, asyncio.wait_for loses a cancellation when an answer has just come
        self._ending = True
        self._task.cancel()

    async def _run(self) -> None:
        try:
            self.error = await self._talk()
        except (OSError, ValueError) as error:
            self.error = f"the worker cannot be used ({one_line(error)}); try again later"
        finally:
            self.state = "ended"
            self._on_listeners()  # nobody is waited for any more
            self.answers.put(self.view())
            self.answers.close()
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()

    async def _talk(self) -> str:
        """Pass on what the worker says. Returns why it ended."""
        pipe = asyncio.subprocess.PIPE
        command = [sys.executable, "-m", "har_ros.service.streams.worker", "--memory", str(self._memory)]
        # its own session: Ctrl-C in a terminal reaches the server, which ends the streams
        self._process = process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, start_new_session=True, limit=LONGEST_LINE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        parameters = json.dumps(self._values).encode()
        process.stdin.write(HEAD.pack(0, len(parameters)) + parameters)
        while True:
            patience = LOADING if self.state == "loading" else SILENCE
            try:
                line = await asyncio.wait_for(process.stdout.readline(), patience)
            except asyncio.TimeoutError:
                return f"no image came, or the network gave no answer, for {patience:g} s; start again"
            if self._ending:
                return self.error
            if not line:
                return f"the worker ended unexpectedly (status {await process.wait()}); start again"
            answer = json.loads(line)
            if self.state == "ready":
                self.answers.put(answer)
            elif answer.get("state") == "ready":
                self.state, self.about = "ready", answer
                self.answers.put(self.view())
            else:
                return str(answer["error"])


class Streams:
    """All streams. Close them."""

    def __init__(self, models: Models, most: int, memory: int) -> None:
        """most: how many there may be at once. memory: bytes of the worker of each."""
        self._models, self.most, self._memory = models, most, memory
        self._streams: dict[str, Stream] = {}

    async def open(self, options: Mapping[str, Any]) -> Stream:
        """Begin a stream. options: as those of a job. Raises HTTPException, HarError."""
        values = await asyncio.to_thread(self._models.check, options, live=True)
        open_now = [one for one in self.all if one.state != "ended"]
        if len(open_now) >= self.most:
            raise HTTPException(
                503,
                f"{self.most} streams are open already, which is all there may be; one that nobody follows ends within "
                f"{UNHEARD:g} s, so try again then",
                {"Retry-After": f"{UNHEARD:.0f}"},
            )
        stream = Stream(values, self._memory)
        self._streams[stream.id] = stream
        for old in [one for one in self.all if one.state == "ended"][:-REMEMBERED]:
            del self._streams[old.id]
        return stream

    @property
    def all(self) -> list[Stream]:
        """The streams that are open, and the last that were."""
        return list(self._streams.values())

    def get(self, number: str) -> Stream:
        """Return a stream, also one that has ended. Raises HTTPException."""
        if number not in self._streams:
            raise HTTPException(404, "there is no such stream; start one")
        return self._streams[number]

    async def close(self) -> None:
        """End all streams."""
        await asyncio.gather(*(stream.end("the server ends") for stream in self.all))

"""A client of the service, for programs: send videos, get what people do in them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx

from har_ros.errors import HarError, one_line
from har_ros.files.atomic import replacing

File = Literal["video", "result", "actions.csv", "actions.srt", "actions.vtt"]
LOOK = 0.5
"""Seconds between two looks at a job."""
OUTAGE = 60.0
"""Seconds for which a server may be away while somebody waits for a job, which goes on after a restart."""
SENDINGS = 3
"""How often a video is sent when the connection breaks."""
ANSWER = 150.0
"""Seconds that /v1/classify may take."""


class Client:
    """A connection to a service. Close it, or use `with`."""

    def __init__(self, url: str = "http://127.0.0.1:8765", token: str = "", timeout: float = 30.0) -> None:
        """timeout: seconds that the server may be silent."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def submit(self, video: Path | str, **options: Any) -> RemoteJob:
        """Send a video. options: the node's parameters, as threshold=0.3. Raises HarError, OSError."""
        key = {"Idempotency-Key": uuid.uuid4().hex}  # a broken connection makes no second job
        sendings = 1
        while True:
            try:
                return RemoteJob(self, self._send("/v1/jobs", video, options, headers=key).json()["id"])
            except ConnectionError:
                if sendings == SENDINGS:
                    raise
                sendings += 1

    def classify(self, video: Path | str, **options: Any) -> dict[str, Any]:
        """Send a short clip and return its result; the server keeps nothing. Raises HarError, OSError."""
        found: dict[str, Any] = self._send("/v1/classify", video, options, timeout=ANSWER).json()
        return found

    def job(self, number: str) -> RemoteJob:
        """Return the job of an id."""
        return RemoteJob(self, number)

    def jobs(self, count: int = 100) -> list[dict[str, Any]]:
        """Return how the newest jobs stand. Raises HarError."""
        found: list[dict[str, Any]] = self.ask("GET", "/v1/jobs", params={"count": count}).json()
        return found

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a request. more: as httpx takes it. Raises HarError, with the sentence of the server."""
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise _AwayError(f"{self._http.base_url} does not answer ({one_line(error)})") from None
        _check(answer)
        return answer

    def save(self, path: str, to: Path) -> None:
        """Write an answer to a file, which then is complete. Raises HarError, OSError."""
        try:
            with self._http.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                    _check(answer)
                with replacing(to) as part, part.open("wb") as file:
                    for block in answer.iter_bytes():
                        file.write(block)
        except httpx.HTTPError as error:
            raise _AwayError(f"{self._http.base_url} does not answer ({one_line(error)})") from None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, path: str, video: Path | str, options: dict[str, Any], **more: Any) -> httpx.Response:
        with Path(video).open("rb") as file:  # which is sent as it is read
            files, data = {"video": (Path(video).name, file)}, {"options": json.dumps(options)}
            return self.ask("POST", path, files=files, data=data, **more)


class RemoteJob:
    """A job of a service. id: of the job."""

    def __init__(self, client: Client, number: str) -> None:
        self.id = number
        self._client, self._path = client, f"/v1/jobs/{number}"

    def state(self) -> dict[str, Any]:
        """Return how the job stands, as GET /v1/jobs/ID. Raises HarError."""
        found: dict[str, Any] = self._client.ask("GET", self._path).json()
        return found

    def wait(self, progress: Callable[[dict[str, Any]], object] = lambda _: None) -> RemoteJob:
        """Wait for the end of the job. progress: is given how the job stands, now and then. Returns this job.

        A server that is started again meanwhile is waited for. Raises HarError when the job fails.
        """
        seen = time.monotonic()
        while True:
            try:
                state = self.state()
                seen = time.monotonic()
                progress(state)
                if state["state"] == "failed":
                    raise HarError(state["error"])
                if state["ended"] is not None:
                    return self
            except ConnectionError:
                if time.monotonic() - seen > OUTAGE:
                    raise
            time.sleep(LOOK)

    def windows(self, after: int = 0) -> dict[str, Any]:
        """Return what was found so far, as GET /v1/jobs/ID/windows. Raises HarError."""
        found: dict[str, Any] = self._client.ask("GET", f"{self._path}/windows", params={"after": after}).json()
        return found

    def result(self) -> dict[str, Any]:
        """Return spans, persons and windows of a job that is done. Raises HarError."""
        found: dict[str, Any] = self._client.ask("GET", f"{self._path}/result").json()
        return found

    def download(self, file: File, to: Path | str) -> None:
        """Write a result of a job that is done to a file. Raises HarError, OSError."""
        self._client.save(f"{self._path}/{file}", Path(to))

    def erase(self) -> None:
        """Cancel the job if it is not over, and erase the video and all results. Raises HarError."""
        self._client.ask("DELETE", self._path)


class _AwayError(HarError, ConnectionError):
    """The server did not answer."""


def _check(answer: httpx.Response) -> None:
    """Raise HarError when a server refused something."""
    if answer.is_success:
        return
    try:
        said = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}"
    raise HarError(str(said))

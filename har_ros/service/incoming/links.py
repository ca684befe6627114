"""Videos behind links: fetched from public addresses only, whatever names, redirects and servers say."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import httpcore

from har_ros.errors import ConfigurationError, one_line
from har_ros.files.atomic import replacing
from har_ros.files.text import CONTROL_CHARACTER
from har_ros.service.folder import SUFFIXES
from har_ros.service.incoming.public_network import (
    PORTS,
    Check,
    CheckedNetwork,
    LinkError,
    Resolve,
    addresses_of,
    check_public,
)
from har_ros.service.room import number_of_bytes

LONGEST = 2000
"""Characters of a link, at most."""
MOST_REDIRECTS = 5
NOTE = 0.5
"""Seconds between two notes of the progress."""
REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = (("User-Agent", "har_ros"), ("Accept", "video/*, */*;q=0.5"), ("Accept-Encoding", "identity"))


def read_link(link: str) -> SplitResult:
    """Return the parts of a link. Raises ConfigurationError when it is not one that is followed."""
    try:
        parts = urlsplit(link)
        _ = parts.port  # raises
        link.encode()  # also of what is no text
        host = _host(parts)
    except ValueError:
        raise ConfigurationError("the link cannot be read; give one such as https://host/video.mp4") from None
    if parts.scheme not in PORTS or not host:
        raise ConfigurationError("the link is not one of http or https; give one such as https://host/video.mp4")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("the link has a user's name or password in it; give one without")
    if len(link) > LONGEST or CONTROL_CHARACTER.search(link):
        raise ConfigurationError(f"the link has more than {LONGEST} characters, or control characters; give another")
    return parts


def shown_link(link: str) -> str:
    """Return a link as it is shown: without its query, which may be a secret. Raises ConfigurationError."""
    parts = read_link(link)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def suffix_of(link: str) -> str:
    """Return what the file of a link's video ends in. Raises ConfigurationError."""
    suffix = PurePath(unquote(read_link(link).path)).suffix.lower()
    return suffix if suffix in SUFFIXES else ".video"


@dataclass(frozen=True)
class Links:
    """Fetches videos. most_bytes: of a video. seconds: for all of it. silence: seconds without a byte, at most.

    check_room: raises NoRoomError when so many more bytes do not fit.
    resolve, check: which addresses a host has, and which may be connected to. context: for TLS, None for the machine's
    certificates.
    """

    most_bytes: int
    check_room: Callable[[int], object] = lambda _: None
    seconds: float = 1800.0
    silence: float = 20.0
    resolve: Resolve = addresses_of
    check: Check = check_public
    context: ssl.SSLContext | None = None

    def fetch(self, link: str, path: Path, note: Callable[[], None]) -> None:
        """Write what a link leads to into a file. note: called now and then. Raises HarError, OSError, and as note."""

        def look() -> None:
            note()
            self.check_room(0)

        context = self.context or ssl.create_default_context()
        network = CheckedNetwork(self.resolve, self.check, time.monotonic() + self.seconds)
        try:
            with httpcore.ConnectionPool(context, network_backend=network, max_keepalive_connections=0) as pool:
                self._follow(pool, link, path, _now_and_then(look))
        except httpcore.TimeoutException:
            raise LinkError("the link's server is too slow; try again later, or send the video") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise LinkError(f"the link cannot be fetched ({one_line(error)}); check it, or send the video") from None

    def _follow(self, pool: httpcore.ConnectionPool, link: str, path: Path, note: Callable[[], None]) -> None:
        waits = dict.fromkeys(("connect", "read", "write", "pool"), self.silence)
        for _ in range(1 + MOST_REDIRECTS):
            url, headers = _request(read_link(link))
            with pool.stream("GET", url, headers=headers, extensions={"timeout": waits}) as answer:
                said = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
                if answer.status not in REDIRECTS:
                    return self._write(answer, said.get(b"content-length", "0"), path, note)
                link = _further(link, said.get(b"location", ""))
            note()
        raise LinkError(f"the link is redirected more than {MOST_REDIRECTS} times; give the last one")

    def _write(self, answer: httpcore.Response, length: str, path: Path, note: Callable[[], None]) -> None:
        if answer.status != 200:
            raise LinkError(f"the link's server answers {answer.status}; check the link")
        announced = number_of_bytes(length)
        if announced > self.most_bytes:
            raise self._too_large()
        self.check_room(announced)
        with replacing(path) as part, part.open("wb") as file:
            for block in answer.iter_stream():
                if file.tell() + len(block) > self.most_bytes:
                    raise self._too_large()
                file.write(block)
                note()

    def _too_large(self) -> LinkError:
        return LinkError(f"the link leads to more than {self.most_bytes / 1e6:.0f} MB; give one to a smaller video")


def _now_and_then(call: Callable[[], None]) -> Callable[[], None]:
    """Return what calls another function unless it has done so just now."""
    last = float("-inf")

    def called() -> None:
        nonlocal last
        if time.monotonic() - last > NOTE:
            last = time.monotonic()
            call()

    return called


def _further(link: str, location: str) -> str:
    """Return where a redirect leads. Raises LinkError."""
    try:
        return urljoin(link, location)
    except ValueError:
        raise LinkError("the link is redirected to one that cannot be read; give another") from None


def _host(parts: SplitResult) -> str:
    """Return the name in a link as DNS has it. Raises ValueError."""
    host = parts.hostname or ""
    return host if host.isascii() else host.encode("idna").decode()


def _request(parts: SplitResult) -> tuple[httpcore.URL, list[tuple[bytes | str, bytes | str]]]:
    """Return what is asked of which server, and the headers."""
    host = _host(parts)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~")
    name = f"[{host}]" if ":" in host else host
    asked = ("Host", f"{name}:{parts.port}" if parts.port else name)
    return httpcore.URL(scheme=parts.scheme, host=host, port=parts.port, target=target), [asked, *_HEADERS]

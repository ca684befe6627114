"""Where servers are."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from har_ros.errors import ConfigurationError

EXAMPLE = "grpc://localhost:8001"


@dataclass(frozen=True)
class Address:
    """protocol: grpc or http. place: host and port; through HTTP, a path may follow. secure: is it encrypted (TLS)?"""

    protocol: str
    place: str
    secure: bool = False

    def __str__(self) -> str:
        return f"{self.protocol}{'s' if self.secure else ''}://{self.place}"


def addresses(text: str) -> list[Address]:
    """Read the addresses of one or several servers, with commas between them. Raises ConfigurationError."""
    if not text:
        raise ConfigurationError(f"backend is triton, which needs server; set it, for instance to {EXAMPLE}")
    return [_address(part.strip(), text) for part in text.split(",")]


def _address(part: str, text: str) -> Address:
    try:
        url = urlsplit(part)
        protocol = url.scheme.removesuffix("s")
        complete = bool(url.hostname and part.isprintable())  # not bytes that are no UTF-8: gRPC raises
        complete = complete and not ("@" in url.netloc or url.query or url.fragment)
        complete = complete and (protocol == "http" or bool(url.port and not url.path.strip("/")))
        complete = complete and url.port != 0
    except ValueError:  # of the port, or of brackets
        complete = False
    if not complete or protocol not in ("grpc", "http"):
        raise ConfigurationError(
            f"server is {text!r}; give grpc://HOST:PORT or http://HOST:PORT, grpcs:// or https:// for TLS, and several "
            "with commas between them"
        )
    return Address(protocol, url.netloc + url.path.rstrip("/"), url.scheme.endswith("s"))

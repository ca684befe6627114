"""The public internet, and nothing else: connections to addresses that were checked, until a deadline."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

from har_ros.errors import HarError
from har_ros.files.timed_stream import TimedStream

PORTS = {"http": 80, "https": 443}
UNICAST, MAPPED, NAT64 = IPv6Network("2000::/3"), IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96")
NEVER = tuple(map(IPv6Network, ("2001::/32", "2002::/16", "3fff::/20")))
"""Of UNICAST: Teredo and 6to4, which lead to any IPv4 address, and examples; not every Python knows them."""
RELAYS = IPv4Network("192.88.99.0/24")
"""From IPv4 into 6to4."""
Resolve = Callable[[str, int], Sequence[str]]
"""The IP addresses of a host and a port. Raises OSError."""
Check = Callable[[str, int], None]
"""Raises LinkError for an IP address and a port that are not allowed."""


class LinkError(HarError):
    """A link that leads to no video that may be fetched."""


def is_public(address: str) -> bool:
    """Return whether an IP address is one of a machine that everybody on the internet may reach."""
    ip: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip in MAPPED or ip in NAT64:
            return is_public(str(IPv4Address(ip.packed[-4:])))
        if ip not in UNICAST or any(ip in network for network in NEVER):
            return False
    elif ip in RELAYS:
        return False
    return ip.is_global and not ip.is_multicast


def check_public(address: str, port: int) -> None:
    """Raise LinkError unless a link may lead to an address and a port of it."""
    if not is_public(address):
        raise LinkError("the link leads to an address that is not public; give a link into the internet")
    if port not in PORTS.values():
        raise LinkError(f"the link leads to port {port}; give one to port {' or '.join(map(str, PORTS.values()))}")


def addresses_of(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host. Raises OSError."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class CheckedNetwork(httpcore.NetworkBackend):
    """Connects to addresses that were checked, until a deadline."""

    def __init__(self, resolve: Resolve, check: Check, deadline: float) -> None:
        """deadline: as time.monotonic() has it."""
        self._resolve, self._check, self._deadline = resolve, check, deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to one of a host's addresses, if all are allowed. Raises LinkError, httpcore.ConnectError."""
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise LinkError(f"no server is called {host}; check the link") from error
        for address in found:
            self._check(address, port)
        failed: Exception = httpcore.ConnectError("no address")
        for address in found:
            try:
                stream = self._sockets.connect_tcp(address, port, _until(self._deadline, timeout))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return TimedStream(stream, partial(_until, self._deadline))
        raise failed


def _until(deadline: float, timeout: float | None) -> float:
    """Return a time limit that ends with the deadline. Raises httpcore.ReadTimeout."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left if timeout is None else min(left, timeout)

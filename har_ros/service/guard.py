"""Who may ask for what: tokens, hosts and origins."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request

from har_ros.errors import ConfigurationError

SAFE = ("GET", "HEAD", "OPTIONS")
COOKIE = "har_ros_session"
LOGIN = "/login"
OPEN = (LOGIN, "/static/")
"""Beginnings of the paths that need no token: what a browser needs to ask for it."""


class Guard:
    """Lets changes through from whoever has the token, or, without one, from this machine.

    Programs send the token with each request; a browser sends it once, at LOGIN, and then a cookie that is made of it.

    A page elsewhere on the web could make a browser on this machine send requests: they are known by their Origin, and,
    where its name was made to mean this machine (DNS rebinding), by their Host.
    """

    def __init__(self, host: str, token: str) -> None:
        """host: that the server listens to. token: empty for none. Raises ConfigurationError."""
        if not (token or is_loopback(host)):
            raise ConfigurationError(
                f"{host} can be reached by others, who could then use this machine; give a --token, or leave out --host"
            )
        self._hosts = {"localhost", "127.0.0.1", "[::1]", host} if is_loopback(host) else set()
        self._token = token
        self.session = hmac.new(token.encode(), COOKIE.encode(), hashlib.sha256).hexdigest() if token else ""
        """The cookie's value, empty without a token."""

    def is_token(self, given: str) -> bool:
        """Return whether something is the token."""
        return bool(self._token) and secrets.compare_digest(given.encode(), self._token.encode())

    def check(self, request: Request) -> None:
        """Raise HTTPException when the request is not let through."""
        host = request.headers.get("host", "").lower()
        if self._hosts and _name(host) not in self._hosts:
            raise HTTPException(403, f"this server is not called {host}; use the address that it printed")
        origin = request.headers.get("origin")
        if request.method not in SAFE and origin is not None and _authority(origin) != host:
            raise HTTPException(403, f"a page of {origin} may change nothing here")
        path = request.scope["path"]  # that is routed; the one of request.url may have come from the header Host
        if not self._token or path.startswith(OPEN) or self.is_token(_bearer(request)):
            return
        cookie = request.cookies.get(COOKIE, "")
        if not secrets.compare_digest(cookie.encode(), self.session.encode()):
            raise HTTPException(
                401,
                "the token is missing or wrong; send the header Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if request.method not in SAFE and origin is None:
            raise HTTPException(403, "a change by cookie must say which page asks for it (the header Origin)")


async def owner_of(request: Request) -> str:
    """Return whose a request is: its address."""
    return request.client.host if request.client else ""


Owner = Annotated[str, Depends(owner_of)]


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _authority(origin: str) -> str:
    """Return name and port of an Origin header."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    """Return the name of a Host header, without its port."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""

"""Routes that answer HEAD as they answer GET."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse


class Routes(APIRouter):
    """A router whose routes with GET take HEAD, too, but for streams, which may not end."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        """Add a route, as APIRouter does."""
        super().add_api_route(path, endpoint, **more)
        kind = more.get("response_class")
        stream = isinstance(kind, type) and issubclass(kind, StreamingResponse)
        if "GET" in (more.get("methods") or ()) and not stream:
            super().add_api_route(path, endpoint, **{**more, "methods": ["HEAD"], "include_in_schema": False})

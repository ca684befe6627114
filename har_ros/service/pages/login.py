"""Where a browser gives the token, and gets a cookie for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from har_ros.service.guard import COOKIE, LOGIN
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

routes = Routes()


@routes.get(LOGIN)
def ask(request: Request) -> Response:
    """Ask for the token."""
    return page(request, "login.html", wrong=False)


@routes.post(LOGIN)
def log_in(request: Request, token: Annotated[str, Form(max_length=1000)]) -> Response:
    """Give the browser its cookie, which it sends to this server only."""
    guard = request.app.state.guard
    if not guard.is_token(token.strip()):
        return page(request, "login.html", 401, wrong=True)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(COOKIE, guard.session, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


@routes.post("/logout")
def log_out() -> Response:
    """Take the cookie back."""
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer

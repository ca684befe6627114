"""The visitor's own webcam: its images go to a stream, what they show is drawn over the video."""

from __future__ import annotations

from fastapi import Request, Response

from har_ros.service.jobs.service import Running, Service
from har_ros.service.pages.form import fields_of
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

routes = Routes()


@routes.get("/webcam")
def webcam(request: Request, service: Running, model: str = "") -> Response:
    """Show the page. model: the network that is chosen at first."""
    return page(request, "webcam.html", fields=fields_of(service.models, _choice(service, model)))


def _choice(service: Service, model: str) -> dict[str, object]:
    """Return the options that choose a network; one that takes skeletons looks at people."""
    card = service.models.cards().get(model)
    if card is None:
        return {}
    return {"persons": True, "persons_model": model} if card.kind == "sequence" else {"model": model}

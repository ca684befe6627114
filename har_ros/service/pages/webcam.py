"""The visitor's own webcam: its images go to a stream, what they show is drawn over the video."""

from __future__ import annotations

from fastapi import Request, Response

from har_ros.errors import HarError
from har_ros.models.locate import find_model
from har_ros.service.jobs.service import Running
from har_ros.service.options import Models
from har_ros.service.pages.form import fields_of
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes

routes = Routes()


@routes.get("/webcam")
def webcam(request: Request, service: Running, model: str = "") -> Response:
    """Show the page. model: the network that is chosen at first."""
    return page(request, "webcam.html", fields=fields_of(service.models, _choice(service.models, model)))


def _choice(models: Models, model: str) -> dict[str, object]:
    """Return the options that choose a network; one that takes skeletons looks at people."""
    try:
        sequence = find_model(models.places[model]).card.kind == "sequence"
    except (KeyError, HarError):  # another name, or a damaged card
        return {}
    return {"persons": True, "persons_model": model} if sequence else {"model": model}

"""The page of the networks: what each is, and what it can say."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import Request, Response

from har_ros.errors import HarError
from har_ros.frames.skeletons import NAMES
from har_ros.frames.spec import SkeletonSpec
from har_ros.models.card import ModelCard, PoseCard
from har_ros.models.locate import find_model, find_pose_model
from har_ros.service.jobs.service import Running
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes
from har_ros.service.teaching.networks import TaughtNetwork
from har_ros.service.teaching.routes import Taught
from har_ros.settings import POSE_CARDS, card_names

KINDS = {
    "clip": "looks at windows of images",
    "encoder-decoder": "looks at each image, and at windows of what it saw in them",
    "sequence": "looks at the skeletons of people",
    "pose": "looks at each image",
}
routes = Routes()


@dataclass(frozen=True)
class NetworkView:
    """A network on the page. labels: what it can say. missing: whether files of it are. wrong: why else not.

    taught: what is known of one that was taught here.
    """

    name: str
    card: ModelCard | PoseCard | None = None
    labels: tuple[str, ...] = ()
    missing: bool = False
    wrong: str = ""
    taught: TaughtNetwork | None = None

    @property
    def kind(self) -> str:
        """How it works."""
        return KINDS[self.card.kind] if self.card else ""

    @property
    def recognises(self) -> str:
        """What it says something of, and which option names it."""
        if isinstance(self.card, PoseCard):
            return "people and their joints (pose model)"
        if self.card and isinstance(self.card.input, SkeletonSpec):
            return "what people do (persons model)"
        return "what the whole image shows (model), or what people do (persons model)"

    @property
    def input(self) -> str:
        """What it is given."""
        if self.card is None:
            return ""
        given = self.card.input
        if isinstance(given, SkeletonSpec):
            what = f"{len(given.joints or NAMES)} joints"
        else:
            what = f"{given.width}×{given.height} pixels"
        if isinstance(self.card, PoseCard):
            return what
        window = self.card.window
        rate = f" at {window.sample_rate:g} a second" if window.sample_rate else ""
        return f"{window.frames} frames of {what}{rate}"


@routes.get("/models")
def models(request: Request, service: Running, teaching: Taught) -> Response:
    """Show the networks, at first those that can be used."""
    own = {name: TaughtNetwork.of(folder) for name, folder in teaching.networks().items()}
    found = [replace(_view(name, place), taught=own.get(name)) for name, place in service.models.places.items()]
    found += [_pose_view(name) for name in card_names(POSE_CARDS)]
    return page(request, "models.html", models=sorted(found, key=lambda one: (one.missing, bool(one.wrong))))


def _view(name: str, place: str) -> NetworkView:
    """Return what is shown of a network, which may be damaged. place: what the parameter model has to be for it."""
    try:
        model = find_model(place)
        missing = {file.name for file in model.missing()}
        labels = () if model.card.labels in missing else model.labels()
        return NetworkView(name, model.card, labels, bool(missing))
    except HarError as error:
        return NetworkView(name, wrong=str(error).replace(f"{place}/", ""))


def _pose_view(name: str) -> NetworkView:
    """Return what is shown of a network that finds people."""
    model = find_pose_model(name)
    return NetworkView(name, model.card, missing=bool(model.missing()))

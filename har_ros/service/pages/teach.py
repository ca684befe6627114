"""The pages of teaching: the datasets, and one of them with its classes, checks and trainings."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from har_ros.learning.choices import MODEL, SKELETONS
from har_ros.learning.class_folders import ENOUGH, VIDEOS
from har_ros.service.pages.render import page
from har_ros.service.routing import Routes
from har_ros.service.teaching.datasets import LONGEST_NAME, Stored
from har_ros.service.teaching.networks import TaughtNetwork
from har_ros.service.teaching.routes import Found, Taught, list_datasets
from har_ros.service.teaching.state import Teaching
from har_ros.service.teaching.views import DatasetView

routes = Routes()


@routes.get("/teach")
def datasets(request: Request, teaching: Taught) -> Response:
    """Show the datasets, and the networks that were taught with them."""
    found = list_datasets(teaching)
    return page(request, "teach.html", datasets=found, networks_taught=_networks(teaching), longest=LONGEST_NAME)


@routes.get("/teach/{dataset}")
def dataset(request: Request, teaching: Taught, dataset: Found) -> Response:
    """Show a dataset: its classes, what records further clips, and what checks and teaches."""
    cards = teaching.teachable()
    usual = [name for name in (MODEL, SKELETONS) if name in cards]
    bases = {name: cards[name].kind == "sequence" for name in (*usual, *sorted(set(cards) - set(usual)))}
    shown = {**_classes(dataset), **_lessons(teaching, dataset)}
    return page(request, "dataset.html", bases=bases, longest=LONGEST_NAME, **shown)


@routes.get("/teach/{dataset}/classes")
def classes(request: Request, dataset: Found) -> Response:
    """Show the classes only."""
    return page(request, "classes.html", **_classes(dataset))


@routes.get("/teach/{dataset}/lessons")
def lessons(request: Request, teaching: Taught, dataset: Found) -> Response:
    """Show what came of the last check and the trainings only."""
    return page(request, "lessons.html", dataset=dataset, **_lessons(teaching, dataset))


def _classes(dataset: Stored) -> dict[str, Any]:
    clips = dataset.content()
    accept = ",".join(("video/*", *VIDEOS))
    view = DatasetView.of(dataset, clips)
    return {"dataset": dataset, "view": view, "clips": clips, "enough": ENOUGH, "accept": accept}


def _lessons(teaching: Teaching, dataset: Stored) -> dict[str, Any]:
    check, training = (teaching.lessons.get(dataset, kind) for kind in ("check", "training"))
    stale = check is not None and dataset.changed() > check.started
    last = training.network if training is not None and training.state == "done" else ""
    own = [network for network in _networks(teaching) if network.dataset == dataset.name]
    there = any(network.name == last for network in own)
    earlier = [network for network in own if network.name != last]
    return {
        "check": check,
        "stale": stale,
        "training": training,
        "there": there,
        "earlier": earlier,
        "running": teaching.lessons.running,
    }


def _networks(teaching: Teaching) -> list[TaughtNetwork]:
    """Return the networks that were taught here, the newest first."""
    found = map(TaughtNetwork.of, teaching.networks().values())
    return sorted(found, key=lambda network: network.written, reverse=True)

"""From the values of the node's parameters to loaded networks."""

from __future__ import annotations

from typing import Any

from har_ros.persons.estimator import PoseEstimator
from har_ros.pipeline.configuration import (
    about_parameter,
    backend_settings,
    check_whole_images,
    model_name,
    person_networks,
    whole_images,
)
from har_ros.pipeline.recognizer import FoundNetwork, Recognizer


def open_first_recognizer(values: dict[str, Any]) -> Recognizer:
    """Load the network for whole images; where these are left out, that for people. Raises HarError."""
    check_whole_images(values)
    if whole_images(values):
        return open_recognizer(values)
    person_networks(values)
    return open_person_recognizer(values)


def open_recognizer(values: dict[str, Any], skeletons: bool = False) -> Recognizer:
    """Load the network that the parameters name. skeletons: also one that takes them. Raises HarError."""
    return find_network(values, skeletons).load()


def find_network(values: dict[str, Any], skeletons: bool = False) -> FoundNetwork:
    """Find what `open_recognizer` loads. Raises HarError.

    What is wrong with the names, cards and files of people's networks is found, too, since loading takes seconds.
    """
    if values["persons"]:
        person_networks(values)
    continual = {"true": True, "false": False}.get(values["continual"])
    overrides = {name: values[name] for name in ("frames", "labels", "input_blob", "output_blob")}
    return Recognizer.find(
        model_name(values), backend_settings(values), continual=continual, skeletons=skeletons, **overrides
    )


def open_person_recognizer(values: dict[str, Any]) -> Recognizer:
    """Load the network that says what a person does, where it is another than the cameras'. Raises HarError.

    What replaces fields of the cameras' card says nothing of this one.
    """
    with about_parameter("persons_model"):
        return Recognizer.open(values["persons_model"], backend_settings(values), skeletons=True)


def open_estimator(values: dict[str, Any]) -> PoseEstimator:
    """Load the pose network that the parameters name. Raises HarError."""
    return PoseEstimator.open(values["pose_model"], backend_settings(values), values["pose_size"])

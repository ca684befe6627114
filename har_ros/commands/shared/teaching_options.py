"""Command-line options that the commands of teaching share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from har_ros.commands.shared.options import add_parameters, at_least
from har_ros.errors import ConfigurationError
from har_ros.learning.choices import MODEL, SKELETONS, Person
from har_ros.learning.dataset import Dataset, load_dataset
from har_ros.learning.embed_people import PeopleSettings
from har_ros.models.locate import find_model
from har_ros.truth.segments import load_label_map


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    """Add what load_dataset takes, and the network."""
    parser.add_argument(
        "dataset",
        type=Path,
        metavar="DATASET",
        help="a folder with a folder of videos for each class, or segments (CSV, YAML, VIA) next to their recordings",
    )
    parser.add_argument(
        "--group-pattern", default="", metavar="REGEX", help="the part of a clip's name that identifies its group"
    )
    parser.add_argument("--group-column", default="", metavar="NAME", help="the CSV column with the group")
    parser.add_argument("--label-map", type=Path, help="YAML: name in the dataset → class, or none")
    parser.add_argument("--model", default=MODEL, help=f"the network to build on: a card's name or path ({MODEL})")
    parser.add_argument("--frames", type=at_least(1), default=0, help="frames in a window (as in the card)")


def add_people_options(parser: argparse.ArgumentParser) -> None:
    """Add what a network of skeletons is taught with. See people_settings."""
    parser.add_argument(
        "--skeletons",
        action="store_true",
        help=f"teach with the skeletons of the people, not with the images, by default on top of {SKELETONS}",
    )
    parser.add_argument(
        "--person",
        choices=get_args(Person),
        default=PeopleSettings.person,
        help="with skeletons, who of several people shows the action: at each moment whoever moves most, whoever is "
        f"largest in the image, or all ({PeopleSettings.person})",
    )
    add_parameters(parser, ("pose_model", "pose_size"))
    parser.set_defaults(model="")  # see model_of


def model_of(options: argparse.Namespace) -> str:
    """Return the network to build on. Raises HarError when it does not take what --skeletons says."""
    if options.skeletons and options.model and find_model(options.model).card.kind != "sequence":
        raise ConfigurationError(
            f"{options.model} takes images; leave out --skeletons, or give --model a network that takes skeletons"
        )
    return str(options.model) or (SKELETONS if options.skeletons else MODEL)


def people_settings(options: argparse.Namespace) -> PeopleSettings:
    """Return what these options say."""
    return PeopleSettings(options.person, options.pose_model, options.pose_size)


def add_teaching_options(parser: argparse.ArgumentParser) -> None:
    """Add where the taught network goes, and what it is taught with."""
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder for the taught network"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the network that is there")
    parser.add_argument(
        "--no-mirror",
        dest="mirror",
        action="store_false",
        help="do not teach with mirror images, because left and right matter",
    )
    parser.add_argument(
        "--only-segments",
        dest="between",
        action="store_false",
        help="leave out what lies between segments, instead of teaching it as the class none",
    )


def dataset_of(options: argparse.Namespace, path: Path, with_empty: bool = False) -> Dataset:
    """Return the dataset of a path, with the groups and classes that the options ask for. Raises HarError.

    with_empty: see load_dataset.
    """
    label_map = load_label_map(options.label_map)
    return load_dataset(path.expanduser(), options.group_pattern, options.group_column, label_map, with_empty)

"""What the routes of teaching work on."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path, PurePath
from typing import IO

from fastapi import HTTPException

from har_ros.errors import without_paths
from har_ros.files.schema import shown
from har_ros.learning.class_folders import VIDEOS
from har_ros.models.card import ModelCard
from har_ros.models.locate import find_pose_model
from har_ros.service.decoding import Decoding, UnansweredError
from har_ros.service.folder import ServiceFolder
from har_ros.service.options import Models, check_files, networks_in
from har_ros.service.settings import ServiceSettings
from har_ros.service.teaching.datasets import Clip, Datasets, Stored, checked_name, erase_folder
from har_ros.service.teaching.lessons import Lessons
from har_ros.settings import POSE_MODEL

BLOCK = 1 << 20
LONGEST = 120.0
"""Seconds of a clip, at most."""
PATIENCE = 120.0
"""Seconds that decoding a clip may take."""
MOST_NETWORKS = 100


class Teaching:
    """The datasets, what runs on them, and the networks that came of them. Close it."""

    def __init__(self, folder: ServiceFolder, settings: ServiceSettings, decoding: Decoding) -> None:
        """decoding: looks at clips. Raises ConfigurationError, OSError."""
        own, made = folder.path / "datasets", folder.path / "lessons"
        for place in (own, made, folder.models):
            place.mkdir(parents=True, exist_ok=True)
            for left in [*place.glob(".*"), *place.glob("*/.*")]:  # of a server that was killed
                shutil.rmtree(left, ignore_errors=True)
        self.datasets = Datasets(own, made, settings.datasets)
        self.models = Models(settings.models, folder.models)
        self.lessons = Lessons(settings.memory)
        self._networks = folder.models
        self._longest, self._decoding = min(LONGEST, settings.seconds), decoding

    def close(self) -> None:
        """Interrupt what runs."""
        self.lessons.close()

    def teachable(self) -> dict[str, ModelCard]:
        """Return the networks that others can be made of. Raises HarError."""
        cards = {name: network.card for name, network in self.models.usable().items()}
        return {name: card for name, card in cards.items() if card.network and card.network.embedding}

    def new_network(self, wanted: str, dataset: Stored) -> Path:
        """Return the folder of a network that is not there yet. wanted: its name, empty for one like the dataset's.

        Raises HTTPException.
        """
        there = {name.casefold() for name in self.models.places}
        if len(list(self._networks.iterdir())) >= MOST_NETWORKS:
            raise HTTPException(409, f"there are {MOST_NETWORKS} taught networks, and no more than that; erase some")
        if wanted:
            name = checked_name("a network", wanted)
            if name.casefold() in there:
                raise HTTPException(409, f"there is a network {name} already; give another name")
            return self._networks / name
        names = (dataset.name if number == 1 else f"{dataset.name}-{number}" for number in range(1, MOST_NETWORKS + 2))
        return self._networks / next(name for name in names if name.casefold() not in there)

    def networks(self) -> dict[str, Path]:
        """Return the folders of the networks that were taught here."""
        return networks_in(self._networks)

    def network(self, name: str) -> Path:
        """Return the folder of a network that was taught here. Raises HTTPException."""
        found = self.networks().get(name)
        if found is None:
            raise HTTPException(404, f"no network {shown(name)} was taught here")
        return found

    def remove_network(self, name: str) -> None:
        """Erase a network that was taught here. Raises HTTPException, OSError."""
        erase_folder(self.network(name))

    def arguments(self, model: str, person: str | None, background: str, mirror: bool) -> list[str]:
        """Return the options as arguments of `teacher`. Raises HarError, HTTPException."""
        cards = self.teachable()
        if model not in cards:
            raise HTTPException(422, f"there is no network {shown(model)} to build on; there are {', '.join(cards)}")
        if person is not None and cards[model].kind != "sequence":
            raise HTTPException(422, f"{model} takes whole images, in which nobody is looked for; leave out person")
        if cards[model].kind == "sequence":
            check_files(find_pose_model(str(POSE_MODEL.default)))
        given = ["--model", self.models.places[model], "--background", background, "--person", person or ""]
        return given if mirror else [*given, "--no-mirror"]

    def add_clip(self, dataset: Stored, label: str, group: str, name: str, content: IO[bytes], owner: str) -> Clip:
        """Take a clip in. name: of its file, as it was sent. owner: whose it is. Raises HTTPException, OSError."""
        if group:
            checked_name("a group", group)
        suffix = PurePath(name).suffix.lower()
        if suffix not in VIDEOS:
            raise HTTPException(415, f"{shown(name)} is no video; send one of {', '.join(VIDEOS)}")
        dataset.home.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=dataset.home) as place:
            sent, made, picture = (Path(place) / part for part in (f"sent{suffix}", "made.mp4", "made.jpg"))
            with sent.open("wb") as file:
                shutil.copyfileobj(content, file, BLOCK)
            if error := self._decoded(owner, made, picture, "--source", str(sent)):
                dataset.refuse_clips(label)  # where it was erased meanwhile, that is what is wrong
                raise HTTPException(
                    422, f"{shown(name)} cannot be taken in: {without_paths(error.replace(str(sent), 'it'))}"
                )
            clip = dataset.add_clip(label, group, name, made)
            with suppress(OSError):  # it is made again when it is asked for
                dataset.picture(clip).parent.mkdir(exist_ok=True)
                picture.replace(dataset.picture(clip))
        return clip

    def picture(self, dataset: Stored, clip: Clip, owner: str) -> Path:
        """Return a picture of a clip, which is made when an owner asks for it first. Raises HTTPException."""
        picture = dataset.picture(clip)
        if not picture.is_file() and (error := self._decoded(owner, clip.path, picture)):
            raise HTTPException(422, f"{clip.name} has no picture: {without_paths(error, dataset.clips)}")
        return picture

    def _decoded(self, owner: str, clip: Path, picture: Path, *options: str) -> str:
        """Let a process of its own decode a clip. Returns what was wrong. Raises HTTPException when none can."""
        arguments = "har_ros.service.teaching.intake", str(clip), str(picture), *options
        try:
            return self._decoding.look(*arguments, owner=owner, longest=self._longest, patience=PATIENCE)
        except UnansweredError:
            busy = "the server has no time or memory left to decode it; try again later"
            raise HTTPException(503, busy, {"Retry-After": "5"}) from None
        except TimeoutError:
            return f"decoding it takes longer than {PATIENCE:g} s; cut it"

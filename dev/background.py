"""Makes the backgrounds that come with har_ros: embeddings of footage whose licence allows it.

python dev/background.py ../shared/data [NETWORK …]

For the networks that take skeletons: JHMDB's annotated poses (MIT, fandulu/DD-Net), which are its 14 actions, and the
people in the clips without a fight of the Surveillance Camera Fight Dataset (MIT; Aktı, Tataroğlu, Ekenel, IPTA 2019),
of every second source video. False alarms are measured on the other sources, and on none of these.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import SECOND, StreamSettings
from har_ros.frames.skeletons import SkeletonFrame
from har_ros.frames.window import Clip
from har_ros.learning.background import SHIPPED, Background, background_bytes, joined
from har_ros.learning.embed import Embedder, embedding_network, hop_of
from har_ros.learning.embed_people import PeopleEmbedder, PeopleSettings
from har_ros.learning.windows import Gatherer
from har_ros.models.card import ModelCard
from har_ros.models.locate import Model, find_model
from har_ros.networks.sequence import SequenceNetwork
from har_ros.pipeline.stream import Stream

OF_JHMDB = (*(2,) * 5, 4, 3, 8, 7, 12, 11, 6, 5, 10, 9, 14, 13)
"""Number of each of COCO's joints in JHMDB, whose face is the whole head."""
SCALE, SIZE, RATE = 240, (480, 640), 30
"""Pixels of JHMDB's unit, of the image (height and width), images in a second."""
MOST = 480
"""Windows of a file: with 1024 numbers of float16 each, less than a megabyte."""
STREET = "people in streets and shops"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", nargs="*", default=["everyday-14", "joint-motion"])
    options = parser.parse_args()
    data = options.data
    SHIPPED.mkdir(exist_ok=True)
    for name in options.networks:
        model = find_model(name)
        with PeopleEmbedder(model, BackendSettings(), mirror=False, settings=PeopleSettings("all")) as embedder:
            street = of_videos(embedder, street_clips(data), STREET)
        write(model, [of_poses(model, data / "jhmdb" / "jhmdb.npz"), street])


def write(model: Model[ModelCard], parts: list[Background]) -> None:
    """Write what there is, or as much as fits of each kind."""
    every = joined(parts)
    share = MOST / max(MOST, len(every.kinds))
    chosen = np.random.default_rng(0).permutation(len(every.kinds))[: int(share * len(every.kinds))]
    chosen.sort()
    kept = Background(every.embeddings[chosen], every.kinds[chosen])
    content = background_bytes(kept, model, model.card.window.frames)
    (SHIPPED / f"{model.card.name}.npz").write_bytes(content)
    counts = dict(zip(*np.unique(kept.kinds, return_counts=True), strict=True))
    print(f"{model.card.name}: {len(kept.kinds)} windows, {len(content)} bytes: {counts}")


def street_clips(data: Path) -> list[Path]:
    """Return the clips without a fight of the source videos with odd numbers."""
    with (data / "fights" / "sources.csv").open(newline="") as file:
        clips = [(row["clip"], int(row["source"].removeprefix("source"))) for row in csv.DictReader(file)]
    return [data / "fights" / clip for clip, source in clips if clip.startswith("no_fight/") and source % 2]


def of_videos(embedder: Embedder, paths: list[Path], kind: str) -> Background:
    """Return the windows of videos; those in which nobody is seen long enough have none."""
    found = []
    for path in paths:
        try:
            found += [windows.embeddings for windows in embedder.look_at(path)]
        except ConfigurationError as error:
            print(error)
    rows = np.concatenate([one.reshape(-1, one.shape[-1]) for one in found])
    return Background(rows, np.full(len(rows), kind))


def of_poses(model: Model[ModelCard], path: Path) -> Background:
    """Return the windows of JHMDB's clips, as the node would gather them."""
    network = SequenceNetwork((embedding_network(model),), lambda prepared: load_backend(prepared, BackendSettings()))
    rows, kinds = [], []
    with np.load(path, allow_pickle=False) as arrays:
        names, clips = arrays["names"].tolist(), np.split(arrays["poses"], np.cumsum(arrays["lengths"])[:-1])
        for poses, label in zip(clips, arrays["labels"].tolist(), strict=True):
            seen = list(_windows(network, model.card, poses[:, OF_JHMDB]))
            rows += seen
            kinds += [names[label]] * len(seen)
    network.close()
    return Background(np.array(rows), np.array(kinds))


def _windows(network: SequenceNetwork, card: ModelCard, poses: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    keypoints = np.ones((*poses.shape[:2], 3), np.float32)
    keypoints[:, :, :2] = poses * SCALE + np.array(SIZE[::-1]) / 2
    frames = [SkeletonFrame(one, SIZE, round(number * SECOND / RATE)) for number, one in enumerate(keypoints)]
    memory = network.new_memory()

    def see(clip: Clip) -> NDArray[np.float32]:
        [answer] = network.run([clip], [memory])
        assert answer is not None
        return answer.probabilities

    stream = Stream(memory, card, StreamSettings())
    gatherer = Gatherer[SkeletonFrame, NDArray[np.float32]](stream, hop_of(network.length), see)
    for frame in frames:
        gatherer.take(frame)
    gatherer.fill_up(lambda: frames, "a clip of JHMDB")
    return (window.seen for window in gatherer.found)


if __name__ == "__main__":
    main()

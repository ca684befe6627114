"""Clips for the tests: a disc moves over a texture, each clip's own; and a small network that can be taught."""

import cv2
import numpy as np
import onnx
import yaml
from small_networks import convolutional_network, write_card

from har_ros.frames.pixels import CameraImage

RATE = 8.0
LONG = 12000
"""Frames of a video that takes a while."""
COLOURS = {"red": (40, 40, 200), "blue": (200, 40, 40), "none": (110, 110, 110)}


def moving(colour=(110, 110, 110), frames=12, seed=0, size=48, still=False):
    """Return frames, uint8 T×size×size×3 BGR."""
    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.integers(0, 70, (6, 6), np.uint8), (size, size))[..., None]
    background = np.clip(np.asarray(colour) + texture.astype(int) - 35, 0, 255).astype(np.uint8)
    at, step = rng.uniform(10, size - 10, 2), rng.uniform(2, 5, 2) * rng.choice([-1, 1], 2)
    found = []
    for _ in range(frames):
        picture = background.copy()
        cv2.circle(picture, tuple(int(x) for x in at), 7, (250, 250, 250), -1)
        found.append(picture)
        if not still:
            at = at + step
            step = np.where((at < 6) | (at > size - 6), -step, step)
    return np.stack(found)


def write_video(path, pictures, rate=RATE, codec=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = codec or ("MJPG" if path.suffix == ".avi" else "mp4v")
    height, width = pictures[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (width, height))
    for picture in pictures:
        video.write(picture)
    video.release()
    return path


def write_dataset(folder, classes=COLOURS, groups=4, each=2):
    """Write class folders with a folder for each group: DATASET/red/g0/0.avi."""
    for number, (label, colour) in enumerate(classes.items()):
        for group in range(groups):
            for clip in range(each):
                seed = 100 * number + 10 * group + clip
                write_video(folder / label / f"g{group}" / f"{clip}.avi", moving(colour, seed=seed))
    return folder


def teachable(folder, frames=8, size=16):
    """Write a small clip network with random weights whose embedding has 8 numbers, and its card."""
    path = convolutional_network(folder / "small.onnx", frames, size, seed=3)
    model = onnx.load(path)
    for node in model.graph.node:  # teaching needs no cast
        if node.op_type == "MaxPool":
            node.input[0] = "b"
    model.graph.node.remove(next(node for node in model.graph.node if node.op_type == "Cast"))
    onnx.save(model, path)
    spec = {"layout": "NCTHW", "height": size, "width": size, "range": [0, 1]}
    network = {"file": "small.onnx", "embedding": "c"}
    return write_card(folder, "small", network=network, input=spec, window={"frames": frames, "sample_rate": RATE})


def tiny_in(models):
    """Write a network that can be taught into a folder of networks, as tiny. Returns that folder."""
    (models / "tiny").mkdir(parents=True)
    teachable(models / "tiny").rename(models / "tiny" / "card.yaml")
    return models


def write_lacking(folder, path):
    """Write a card like that of `path` into a folder, of whose name it is, and whose network is yet to be fetched."""
    card = yaml.safe_load(path.read_text())
    files = [{"name": card["network"]["file"], "url": "https://example.org/network.onnx"}]
    folder.mkdir(parents=True)
    (folder / "card.yaml").write_text(yaml.safe_dump({**card, "name": folder.name, "files": files}))


def first_answer(recognizer, colour, seed=99):
    """Return what is said first of a clip of this colour."""
    stream = recognizer.stream()
    for number, pixels in enumerate(moving(colour, frames=8, seed=seed)):
        stream.push(CameraImage.of_array(pixels, 1 + round(number * 1e9 / RATE)))
    [result] = recognizer.recognize([stream])
    return result.prediction.hypotheses[0].label

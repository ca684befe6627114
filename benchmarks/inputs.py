"""Films and networks for the benchmarks, made on the spot."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from har_ros.frames.pixels import Pixels

CAMERAS, RATE, HEIGHT, WIDTH = 4, 15.0, 480, 640
COMMAND_FILM = "command.mp4"


def make_films(folder: Path) -> list[str]:
    """Make the demo's videos landscape, 640x480: one of 100 frames for the command, four of 25 for the cameras."""
    sources = demo_videos()
    make_film(sources[0], folder / COMMAND_FILM, rate=25.0, every=1)
    return [make_film(source, folder / source.name, RATE, every=4) for source in sources[:CAMERAS]]


def demo_videos(demo: str = "Demo_SinglePerson") -> list[Path]:
    """Return the videos of pose2sim's demos of a name, which may have wildcards: four cameras of one man."""
    spec = importlib.util.find_spec("Pose2Sim")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise SystemExit("the videos of pose2sim are missing; run: make clean bench")
    return sorted(Path(folders[0]).glob(f"{demo}/videos/cam*.mp4"))


def frames_of(film: Path | str) -> list[Pixels]:
    """Return a film's frames, BGR."""
    capture, frames = cv2.VideoCapture(str(film)), []
    while (frame := capture.read()[1]) is not None:
        frames.append(np.asarray(frame, np.uint8))
    return frames


def make_film(source: Path, film: Path, rate: float, every: int) -> str:
    """Take the middle of every n-th frame."""
    capture = cv2.VideoCapture(str(source))
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), rate, (WIDTH, HEIGHT))
    index = 0
    while (frame := capture.read()[1]) is not None:
        if index % every == 0:
            writer.write(cv2.resize(frame[500:1310], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        index += 1
    writer.release()
    return str(film)


def small_network(folder: Path) -> Path:
    """Make a network that costs next to nothing, and its card: the mean of each colour in 16 frames."""
    nodes = [helper.make_node("ReduceMean", ["clips", "axes"], ["logits"], keepdims=0)]
    inputs, outputs = {"clips": ["n", "t", 224, 224, 3]}, {"logits": ["n", 3]}
    _save(folder / "colours.onnx", nodes, inputs, outputs, {"axes": np.array([1, 2, 3])})
    fields = {"kind": "clip", "network": {"file": "colours.onnx"}, "labels": ["red", "green", "blue"]}
    return _write_card(folder / "colours.yaml", _image_spec("NTHWC", 256), **fields)


def sequence_network(folder: Path) -> Path:
    """Make a network for skeletons that costs next to nothing, and its card: the mean of 16 at 15 per second."""
    nodes = [helper.make_node("ReduceMean", ["skeletons", "axes"], ["logits"], keepdims=0)]
    inputs, outputs = {"skeletons": ["n", 16, 17, 3]}, {"logits": ["n", 3]}
    _save(folder / "joints.onnx", nodes, inputs, outputs, {"axes": np.array([1, 2])})
    fields: dict[str, Any] = {
        "kind": "sequence",
        "network": {"file": "joints.onnx"},
        "labels": ["right", "down", "sure"],
        "window": {"frames": 16, "sample_rate": RATE},
    }
    return _write_card(folder / "joints.yaml", {"layout": "NTVC", "confidence": True}, **fields)


def encoder_decoder(folder: Path) -> Path:
    """Make a pair like action-recognition-0001, with random weights: ResNet-34's convolutions, and a small decoder."""
    rng = np.random.default_rng(0)
    nodes, weights, last, channels = [], {}, "frames", 3
    layers = [(64, 2), (64, 2), *[(64, 1)] * 6, (128, 2), *[(128, 1)] * 7, (256, 2), *[(256, 1)] * 11, (512, 2)]
    for i, (width, stride) in enumerate([*layers, *[(512, 1)] * 5]):
        scale = (2 / (9 * channels)) ** 0.5
        weights[f"w{i}"] = rng.normal(size=(width, channels, 3, 3), scale=scale).astype(np.float32)
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], pads=[1] * 4, strides=[stride] * 2))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        last, channels = f"r{i}", width
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["embedding"]))
    inputs, outputs = {"frames": ["n", 3, 224, 224]}, {"embedding": ["n", 512, 1, 1]}
    _save(folder / "encoder.onnx", nodes, inputs, outputs, weights)
    nodes = [helper.make_node("Flatten", ["e"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])]
    weights = {"w": rng.normal(size=(16 * 512, 400)).astype(np.float32)}
    _save(folder / "decoder.onnx", nodes, {"e": ["n", 16, 512]}, {"logits": ["n", 400]}, weights)
    fields = {"encoder": {"file": "encoder.onnx"}, "decoder": {"file": "decoder.onnx"}, "kind": "encoder-decoder"}
    return _write_card(
        folder / "pair.yaml", _image_spec("NCHW", 224), labels=[f"class {i}" for i in range(400)], **fields
    )


def _save(
    path: Path, nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], constants: dict[str, Any]
) -> None:
    taken, given = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in tensors.items()]
        for tensors in (inputs, outputs)
    )
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, path.stem, taken, given, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)


def _image_spec(layout: str, shorter_side: int) -> dict[str, Any]:
    resize = {"shorter_side": shorter_side, "interpolation": "linear"}
    return {"layout": layout, "height": 224, "width": 224, "resize": resize, "colour": "rgb", "range": [0, 1]}


def _write_card(path: Path, spec: dict[str, Any], **fields: Any) -> Path:
    card = {"name": path.stem, "description": "for benchmarks", "licence": "Apache-2.0", "input": spec}
    path.write_text(yaml.safe_dump({**card, "window": {"frames": 16}, "outputs": "logits", **fields}))
    return path

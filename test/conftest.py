import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import settings
from onnx import TensorProto, helper, numpy_helper

SHARED_DATA = Path(os.environ.get("HAR_ROS_DATA", Path(__file__).parents[2] / "shared" / "data"))

settings.register_profile("default", deadline=None)  # CI's machines are sometimes slow
settings.register_profile("nightly", deadline=None, max_examples=10_000)  # pytest --hypothesis-profile nightly
settings.load_profile("default")

FRAMES, SIZE = 4, 8
LABELS = ("first", "second", "third", "fourth")


@pytest.fixture(scope="session")
def shared_data():
    """The project's inputs that are not in the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"{SHARED_DATA} is not there; set HAR_ROS_DATA to the folder with cricket.gif")
    return SHARED_DATA


@pytest.fixture(scope="session")
def brightness_card(tmp_path_factory):
    """The card of a real, small network whose class k scores the mean brightness (0…255, a tenth of it) of frame k."""
    folder = tmp_path_factory.mktemp("brightness")
    nodes = [
        helper.make_node("Cast", ["frames"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "tenth"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["clips", "time", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["clips", "time"])],
        [
            numpy_helper.from_array(np.array([2, 3, 4]), "axes"),
            numpy_helper.from_array(np.array(0.1, np.float32), "tenth"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.save(model, folder / "brightness.onnx")
    (folder / "labels.txt").write_text("\n".join(LABELS))
    card = folder / "brightness.yaml"
    card.write_text(
        f"""
name: brightness
description: for tests
licence: Apache-2.0
network: brightness.onnx
labels: labels.txt
clip: {{frames: {FRAMES}, minimum_frames: {FRAMES}, multiple_of: {FRAMES}, height: {SIZE}, width: {SIZE},
       skip_frames: 0, resize: {{interpolation: linear}}}}
"""
    )
    return card

"""Makes joint-motion, a network without training: where a person's joints are, and how far they move.

python dev/joint_motion.py

Its embedding has 156 numbers of a window of 32 skeletons, in units of half the longer side of the box around them:
each joint's mean position in each quarter of the window, then the greatest and the least that it moves in STEP frames.
It is there to be taught on top of. By itself it tells people who move from those who do not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

NAME, OPSET, IR_VERSION = "joint-motion", 13, 7
CARDS = Path(__file__).parents[1] / "har_ros" / "models" / "cards"
FRAMES, JOINTS, QUARTERS, STEP = 32, 13, 4, 4
MOVES = 0.2
"""How far joints go to and fro in STEP frames, on average, when somebody moves."""
STEEPNESS = 20.0
"""By how much the logit of moving rises for each 1 more."""
LABELS = ("still", "moving")
WIDTH = JOINTS * 2 * (QUARTERS + 2)


def main() -> None:
    """Write the file."""
    path = CARDS / f"{NAME}.onnx"
    onnx.save(network(), path)
    print(f"{path}: {path.stat().st_size} bytes")


def network() -> onnx.ModelProto:
    """Return the network: skeletons, N×32×13×3, to logits, N×2; the embedding, N×156, is a tensor of it."""
    constants = {
        "zero": np.array([0]),
        "coordinates": np.array([2]),
        "last_axis": np.array([3]),
        "time_axis": np.array([1]),
        "step": np.array([STEP]),
        "frames": np.array([FRAMES]),
        "before": np.array([FRAMES - STEP]),
        "quarters": np.array([0, QUARTERS, FRAMES // QUARTERS, JOINTS * 2]),
        "weights": _weights(),
        "bias": np.array([MOVES, -MOVES], np.float32) * STEEPNESS / 2,
    }
    nodes: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Slice", ["skeletons", "zero", "coordinates", "last_axis"], "positions", {}),
        ("Reshape", ["positions", "quarters"], "by_quarter", {}),
        ("ReduceMean", ["by_quarter"], "places", {"axes": [2], "keepdims": 0}),
        ("Slice", ["positions", "step", "frames", "time_axis"], "after", {}),
        ("Slice", ["positions", "zero", "before", "time_axis"], "earlier", {}),
        ("Sub", ["after", "earlier"], "moved", {}),
        ("ReduceMax", ["moved"], "most", {"axes": [1], "keepdims": 0}),
        ("ReduceMin", ["moved"], "least", {"axes": [1], "keepdims": 0}),
        *[("Flatten", [name], f"{name}/flat", {"axis": 1}) for name in ("places", "most", "least")],
        ("Concat", ["places/flat", "most/flat", "least/flat"], "embedding", {"axis": 1}),
        ("Gemm", ["embedding", "weights", "bias"], "logits", {}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], name=output, **how) for kind, inputs, output, how in nodes],
        NAME,
        [helper.make_tensor_value_info("skeletons", TensorProto.FLOAT, ["batch", FRAMES, JOINTS, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _weights() -> NDArray[np.float32]:
    """Return WIDTH×2: the mean of what the joints move most, less what they move least."""
    weights = np.zeros((WIDTH, len(LABELS)), np.float32)
    count = JOINTS * 2
    weights[-2 * count : -count, 1], weights[-count:, 1] = 1 / count, -1 / count
    weights[:, 0] = -weights[:, 1]
    return weights * np.float32(STEEPNESS / 2)


if __name__ == "__main__":
    main()

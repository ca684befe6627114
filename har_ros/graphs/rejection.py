"""What a taught network adds to its logits: a window that is unlike all that was taught is none of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, helper, numpy_helper

PREFIX, LINEAR = "taught/likeness", "/linear"
"""What the names of its tensors begin with, and those of the logits before it end with."""
LOSS = 0.05
"""Share of the windows of the actions, of groups that were held out, that are beyond the limit."""
NEVER = 1e6
"""A limit beyond every distance, where there are too few groups to choose one."""
Number = float | NDArray[np.float64]
AXES_AS_INPUT = 18
"""Operator set from which on ReduceMax takes its axes as an input."""


def before_rejection(model: ModelProto, logits: str) -> str:
    """Return the name of the logits to which a rejection is applied, the same name where there is none.

    A continual network needs it: its embeddings are of a few frames, which are less alike than those of windows.
    """
    linear = logits + LINEAR
    return linear if any(linear in node.output for node in model.graph.node) else logits


def raised(
    logits: NDArray[np.float64], distance: NDArray[np.floating[Any]], limit: Number, steepness: Number
) -> NDArray[np.float64]:
    """Return n×C logits with that of none, the last, raised beyond the limit.

    distance: of each window. limit, steepness: see Rejection; of all windows, or of each.
    """
    result = np.array(logits)
    result[:, -1] = np.maximum(result[:, -1], logits.max(axis=1) + steepness * (distance - limit))
    return result


@dataclass(frozen=True)
class Rejection:
    """Beyond a distance from the nearest taught window, the last class, none, leads all others.

    mean, factor: of D numbers and of all of them, which shift and scale an embedding to a length of about 1, so that
    float16 is enough. taught: N×D, shifted and scaled. limit: distance. steepness: by how much the logit of none is
    above the highest for each 1 of distance beyond the limit.
    """

    mean: NDArray[np.float32]
    factor: float
    taught: NDArray[np.float32]
    limit: float
    steepness: float

    @classmethod
    def of(cls, model: ModelProto) -> Rejection | None:
        """Return what `add_to` has added to a network, float32; None where it has added nothing."""
        values = {
            value.name.removeprefix(f"{PREFIX}/"): numpy_helper.to_array(value)
            for value in model.graph.initializer
            if value.name.startswith(f"{PREFIX}/")
        }
        if not values:
            return None
        factor, limit, steepness = (float(values[name]) for name in ("factor", "limit", "steepness"))
        taught = np.asarray(values["taught"].T / -2, np.float32)
        return cls(values["mean"], factor, taught, limit, steepness)

    def distance(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance of n×D embeddings from the nearest taught window."""
        rows = (embeddings - self.mean) * np.float32(self.factor)
        nearest = (rows @ (-2 * self.taught.T) + np.square(self.taught).sum(axis=1)).min(axis=1)
        return np.asarray(np.sqrt(np.maximum(np.square(rows).sum(axis=1) + nearest, 0)))

    def applied(self, logits: NDArray[np.float64], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return n×C logits with that of none raised where the embeddings (n×D) are unlike what was taught."""
        return raised(logits, self.distance(embeddings), self.limit, self.steepness)

    def add_to(self, graph: GraphProto, embedding: str, logits: str, output: str, opset: int) -> None:
        """Add the same arithmetic to an ONNX graph.

        embedding, logits, output: names of its tensors; the first two are there. opset: its operator set.
        """
        classes = graph.output[0].type.tensor_type.shape.dim[1].dim_value
        constants = {
            "mean": self.mean,
            "factor": self.factor,
            "ones": np.ones((len(self.mean), 1)),
            "taught": -2 * self.taught.T,
            "lengths": np.square(self.taught).sum(axis=1),
            "limit": self.limit,
            "steepness": self.steepness,
            "none": np.eye(classes)[-1],
        }
        steps = [
            ("Sub", [embedding, "mean"], "centred"),
            ("Mul", ["centred", "factor"], "rows"),
            ("Mul", ["rows", "rows"], "squares"),
            ("MatMul", ["squares", "ones"], "length"),
            ("Gemm", ["rows", "taught", "lengths"], "products"),
            ("ReduceMin", ["products"], "nearest"),
            ("Add", ["length", "nearest"], "difference"),
            ("Relu", ["difference"], "square"),
            ("Sqrt", ["square"], "distance"),
            ("Sub", ["distance", "limit"], "beyond"),
            ("Mul", ["beyond", "steepness"], "lead"),
            ("ReduceMax", [logits], "highest"),
            ("Add", ["highest", "lead"], "least"),
            ("Sub", ["least", logits], "missing"),
            ("Relu", ["missing"], "more"),
            ("Mul", ["more", "none"], "raised"),
            ("Add", [logits, "raised"], output),
        ]
        others = {embedding, logits, output}
        for operator, inputs, result in steps:
            names = [name if name in others else f"{PREFIX}/{name}" for name in inputs]
            attributes: dict[str, Any] = {}
            if operator.startswith("Reduce") and opset >= AXES_AS_INPUT:
                names.append(f"{PREFIX}/axes")
            elif operator.startswith("Reduce"):
                attributes["axes"] = [1]
            given = result if result in others else f"{PREFIX}/{result}"
            graph.node.append(helper.make_node(operator, names, [given], name=given, **attributes))
        for name, value in constants.items():
            graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), f"{PREFIX}/{name}"))
        if opset >= AXES_AS_INPUT:
            graph.initializer.append(numpy_helper.from_array(np.array([1]), f"{PREFIX}/axes"))

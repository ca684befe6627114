"""What a taught network adds to its logits: a window that is unlike all that was taught is none of the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, helper, numpy_helper

PREFIX = "taught/likeness"
TINY = 1e-6
AXES_AS_INPUT = 18
"""Operator set from which on ReduceMax takes its axes as an input."""


@dataclass(frozen=True)
class Rejection:
    """Likeness is the cosine to the nearest taught window; below the limit, the last class, none, leads all others.

    mean, factor: D, which standardise an embedding. taught: N×D, standardised, of unit length.
    steepness: by how much the logit of none rises above the highest for each 1 of likeness below the limit.
    """

    mean: NDArray[np.float32]
    factor: NDArray[np.float32]
    taught: NDArray[np.float32]
    limit: float
    steepness: float

    def likeness(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how like what was taught n×D embeddings are, -1 to 1."""
        rows = (embeddings - self.mean) * self.factor
        unit = rows / np.sqrt(np.square(rows).sum(axis=1, keepdims=True) + TINY)
        return np.asarray((unit @ self.taught.T).max(axis=1))

    def applied(self, logits: NDArray[np.float64], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return n×C logits with that of none raised where the embeddings (n×D) are unlike what was taught."""
        result = np.array(logits)
        least = logits.max(axis=1) + self.steepness * (self.limit - self.likeness(embeddings))
        result[:, -1] = np.maximum(result[:, -1], least)
        return result

    def add_to(self, graph: GraphProto, embedding: str, logits: str, output: str, opset: int) -> None:
        """Add the same arithmetic to an ONNX graph.

        embedding, logits, output: names of its tensors; the first two are there. opset: its operator set.
        """
        classes = graph.output[0].type.tensor_type.shape.dim[1].dim_value
        constants = {
            "mean": self.mean,
            "factor": self.factor,
            "ones": np.ones((len(self.mean), 1)),
            "tiny": np.array(TINY),
            "taught": self.taught.T,
            "limit": np.array(self.limit),
            "steepness": np.array(self.steepness),
            "none": np.eye(classes)[-1],
        }
        steps = [
            ("Sub", [embedding, "mean"], "centred"),
            ("Mul", ["centred", "factor"], "rows"),
            ("Mul", ["rows", "rows"], "squares"),
            ("MatMul", ["squares", "ones"], "sum"),
            ("Add", ["sum", "tiny"], "square"),
            ("Sqrt", ["square"], "length"),
            ("MatMul", ["rows", "taught"], "products"),
            ("Div", ["products", "length"], "cosines"),
            ("ReduceMax", ["cosines"], "likeness"),
            ("Sub", ["limit", "likeness"], "below"),
            ("Mul", ["below", "steepness"], "lead"),
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
            attributes: dict[str, list[int]] = {}
            if operator == "ReduceMax" and opset >= AXES_AS_INPUT:
                names.append(f"{PREFIX}/axes")
            elif operator == "ReduceMax":
                attributes["axes"] = [1]
            given = result if result in others else f"{PREFIX}/{result}"
            graph.node.append(helper.make_node(operator, names, [given], name=given, **attributes))
        for name, value in constants.items():
            graph.initializer.append(numpy_helper.from_array(np.float32(value), f"{PREFIX}/{name}"))
        if opset >= AXES_AS_INPUT:
            graph.initializer.append(numpy_helper.from_array(np.array([1]), f"{PREFIX}/axes"))

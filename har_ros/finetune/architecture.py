"""What networks for windows of skeletons have in common that are trained from the beginning."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import nn

from har_ros.frames.skeletons import NAMES
from har_ros.frames.spec import SkeletonSpec
from har_ros.graphs.cut import EMBEDDING

INPUT = "skeletons"
LENGTH, RATE = 32, 25.0
"""Skeletons of a window, and how many there are in a second."""
LEAST = 0.2
"""Confidence of a joint that is looked at, at least."""
BODY = (
    *("head", "neck", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""The joints of OpenPose's skeleton, whose face is one joint."""


class Architecture(nn.Module):
    """A network from windows of skeletons, as `spec` arranges them, to their embeddings, N×`width`."""

    spec: SkeletonSpec
    width: int

    def to_onnx(self) -> onnx.ModelProto:
        """Return it in ONNX: INPUT in, EMBEDDING out."""
        return exported(self.eval(), shape_of(self.spec))


def shape_of(spec: SkeletonSpec) -> tuple[int, ...]:
    """Return the shape of one input of an architecture."""
    joints = len(spec.joints or NAMES)
    channels = 3 if spec.confidence else 2
    return {
        "NTD": (LENGTH, joints * channels),
        "NTVC": (LENGTH, joints, channels),
        "NCTV": (channels, LENGTH, joints),
    }[spec.layout]


def exported(module: nn.Module, shape: Sequence[int]) -> onnx.ModelProto:
    """Return a module in ONNX: INPUT in, of this shape for each window, and EMBEDDING out."""
    file = io.BytesIO()
    with warnings.catch_warnings():  # of the tracing, about what does not vary
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.rand(2, *shape),),
            file,
            dynamo=False,
            opset_version=13,
            input_names=[INPUT],
            output_names=[EMBEDDING],
            dynamic_axes={INPUT: {0: "batch"}, EMBEDDING: {0: "batch"}},
        )
    model = onnx.load_from_string(file.getvalue())
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model)
    return model

"""Published networks for windows of skeletons, to be trained from the beginning."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

from har_ros.frames.skeletons import NAMES
from har_ros.frames.spec import SkeletonSpec, WindowSpec
from har_ros.graphs.cut import EMBEDDING
from har_ros.models.card import ModelCard, NetworkFile

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
BONES = tuple(
    (BODY.index(inner), BODY.index(outer))
    for inner, outer in (
        ("neck", "head"),
        *(("neck", f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")),
        *((f"{side}_shoulder", f"{side}_elbow") for side in ("left", "right")),
        *((f"{side}_elbow", f"{side}_wrist") for side in ("left", "right")),
        *((f"{side}_hip", f"{side}_knee") for side in ("left", "right")),
        *((f"{side}_knee", f"{side}_ankle") for side in ("left", "right")),
    )
)
"""Joints with a bone between them, the one that is nearer to the neck first."""


class Architecture(nn.Module):
    """A network from windows of skeletons, as `spec` arranges them, to their embeddings, N×`width`."""

    spec: SkeletonSpec
    width: int

    def to_onnx(self) -> onnx.ModelProto:
        """Return it in ONNX: INPUT in, EMBEDDING out."""
        return exported(self.eval(), shape_of(self.spec))


class RecurrentNetwork(Architecture):
    """LSTM: the last state of one layer of 50 units, to which 17 joints (34 values) are given.

    As in learnopencv.com/human-action-recognition-using-detectron2-and-lstm. Positions are relative to the window's
    bounding box, not in pixels, so that it does not matter where in the image somebody is.
    """

    spec = SkeletonSpec("NTD", normalisation="box", least_confidence=LEAST)
    width = 50

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2 * len(NAMES), self.width, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """N×32×34 → N×50."""
        states: Tensor = self.lstm(x)[0]
        return states[:, -1]


class DoubleFeatureNetwork(Architecture):
    """DD-Net: distances of all pairs of joints, and slow and fast motion of the joints, each through convolutions.

    Yang et al., Make Skeleton-based Action Recognition Model Smaller, Faster and Better (ACM MM Asia 2019), with 16
    filters: 0.15 M parameters. Joints that are missing are zero in all features.
    """

    spec = SkeletonSpec("NTVC", BODY, confidence=True, normalisation="box", least_confidence=LEAST)
    filters = 16
    width = 128

    def __init__(self) -> None:
        super().__init__()
        joints, filters = len(BODY), self.filters
        pairs = [(first, second) for first in range(joints) for second in range(first + 1, joints)]
        self.register_buffer("first", torch.tensor([first for first, _ in pairs]))
        self.register_buffer("second", torch.tensor([second for _, second in pairs]))
        self.distances = nn.Sequential(*_embedded(len(pairs), filters), nn.MaxPool1d(2))
        self.slow = nn.Sequential(*_embedded(2 * joints, filters), nn.MaxPool1d(2))
        self.fast = nn.Sequential(*_embedded(2 * joints, filters))
        self.trunk = nn.Sequential(
            *(*_convolution(3 * filters, 2 * filters, 3), *_convolution(2 * filters, 2 * filters, 3), nn.MaxPool1d(2)),
            *(*_convolution(2 * filters, 4 * filters, 3), *_convolution(4 * filters, 4 * filters, 3), nn.MaxPool1d(2)),
            *(*_convolution(4 * filters, 8 * filters, 3), *_convolution(8 * filters, 8 * filters, 3)),
        )
        self.dense = nn.Sequential(
            nn.Linear(8 * filters, self.width), nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(self.width, self.width)
        )

    def forward(self, window: Tensor) -> Tensor:
        """N×32×14×3 → N×128."""
        known = (window[..., 2:].amax(dim=1, keepdim=True) >= LEAST).float()  # N×1×14×1
        position = window[..., :2] * known
        bones = position.index_select(2, self.first) - position.index_select(2, self.second)
        both = known.index_select(2, self.first) * known.index_select(2, self.second)
        distance = ((bones * bones).sum(dim=3) + 1e-6).sqrt() * both[..., 0]
        slow, fast = _motion(position), _motion(position[:, ::2])
        parts = [
            self.distances(distance.transpose(1, 2)),
            self.slow(slow.flatten(2).transpose(1, 2)),
            self.fast(fast.flatten(2).transpose(1, 2)),
        ]
        features: Tensor = self.dense(self.trunk(torch.cat(parts, dim=1)).amax(dim=2))
        return features


def _motion(position: Tensor) -> Tensor:
    """Return how far joints go until the next skeleton; the last one stays where it is."""
    return torch.cat([position[:, 1:], position[:, -1:]], dim=1) - position


def _convolution(taken: int, given: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv1d(taken, given, kernel, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm1d(given), nn.LeakyReLU(0.2)]


def _embedded(taken: int, filters: int) -> list[nn.Module]:
    """Return the layers that embed one kind of features: kernels of 1, 3 and 1, with channels dropped between."""
    return [
        *(*_convolution(taken, 2 * filters, 1), nn.Dropout1d(0.1)),
        *(*_convolution(2 * filters, filters, 3), nn.Dropout1d(0.1)),
        *(*_convolution(filters, filters, 1), nn.Dropout1d(0.1)),
    ]


class GraphNetwork(Architecture):
    """ST-GCN: convolutions over the graph of joints and over time, by turns; x, y and confidence of each joint.

    Yan et al., Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition (AAAI 2018), with
    spatial configuration partitioning around the neck and learnable importance of edges; six units of at most 128
    channels in place of nine of at most 256: 0.5 M parameters.
    """

    spec = SkeletonSpec("NCTV", BODY, confidence=True, normalisation="box", least_confidence=LEAST)
    width = 128
    units = ((32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1))
    """Channels and stride in time of each."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3 * len(BODY))
        taken = (3, *(channels for channels, _ in self.units))
        self.layers = nn.Sequential(
            *(_GraphUnit(before, *unit) for before, unit in zip(taken, self.units, strict=False))
        )

    def forward(self, x: Tensor) -> Tensor:
        """N×3×32×14 → N×128."""
        flat = self.norm(x.permute(0, 1, 3, 2).reshape(-1, 3 * len(BODY), LENGTH))
        x = flat.reshape(-1, 3, len(BODY), LENGTH).permute(0, 1, 3, 2)
        features: Tensor = self.layers(x).mean(dim=(2, 3))
        return features


class _GraphUnit(nn.Module):
    """A convolution over the graph and one over 9 points in time, with a residual connection except from the input."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.register_buffer("graph", partitions(len(BODY), BONES))
        self.importance = nn.Parameter(torch.ones(3, len(BODY), len(BODY)))
        self.spatial = nn.ModuleList(nn.Conv2d(taken, given, 1) for _ in range(3))
        self.temporal = nn.Sequential(
            nn.BatchNorm2d(given),
            nn.ReLU(),
            nn.Conv2d(given, given, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(given),
            nn.Dropout(0.3),
        )
        self.residual: nn.Module | None = None
        if taken > 3:
            same = taken == given and stride == 1
            shortcut = nn.Sequential(nn.Conv2d(taken, given, 1, (stride, 1)), nn.BatchNorm2d(given))
            self.residual = nn.Identity() if same else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """N×C×T×V → N×C'×T'×V."""
        graph = self.graph * self.importance
        mixed = torch.stack([layer(x) @ graph[part] for part, layer in enumerate(self.spatial)]).sum(dim=0)
        given = self.temporal(mixed)
        return torch.relu(given if self.residual is None else given + self.residual(x))


def partitions(joints: int, bones: Sequence[tuple[int, int]]) -> Tensor:
    """Return 3×V×V: of each joint's neighbours itself, those nearer to the middle, and those farther from it.

    Column by column normalised by the number of neighbours. bones: the joint that is nearer to the middle first.
    """
    parts = torch.zeros(3, joints, joints)
    parts[0] = torch.eye(joints)
    for inner, outer in bones:
        parts[1, inner, outer] = 1
        parts[2, outer, inner] = 1
    return parts / parts.sum(dim=(0, 1))


ARCHITECTURES: dict[str, type[Architecture]] = {
    "lstm": RecurrentNetwork,
    "dd-net": DoubleFeatureNetwork,
    "st-gcn": GraphNetwork,
}


def card_of(name: str) -> ModelCard:
    """Return the card of an architecture, which has no file and no labels yet."""
    return ModelCard(
        name,
        "sequence",
        f"{name}, trained from the beginning",
        "Apache-2.0",
        ARCHITECTURES[name].spec,
        WindowSpec(LENGTH, sample_rate=RATE),
        "logits",
        (),
        NetworkFile(f"{name}.onnx", INPUT, embedding=EMBEDDING),
    )


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

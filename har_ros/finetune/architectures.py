"""Published networks for windows of skeletons, to be trained from the beginning."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_ros.finetune.architecture import BODY, INPUT, LEAST, LENGTH, RATE, Architecture
from har_ros.finetune.graph_network import GraphNetwork
from har_ros.frames.skeletons import NAMES
from har_ros.frames.spec import SkeletonSpec, WindowSpec
from har_ros.graphs.cut import EMBEDDING
from har_ros.models.card import ModelCard, NetworkFile


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
